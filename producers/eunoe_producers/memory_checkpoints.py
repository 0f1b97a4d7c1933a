"""The curator's part for checkpoints: what an orchestrator must find again to go on with a session."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import JsonValue

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.memory.checkpoints import (
    Checkpoint,
    CheckpointPage,
    CheckpointSummary,
    ListCheckpointsRequest,
    LoadCheckpointRequest,
    SaveCheckpointRequest,
)
from eunoe_schema.memory.read import DEFAULT_PAGE
from eunoe_schema.memory.scope import MemoryScope


class Checkpoints:
    """`Curator.checkpoints`; what can be raised is said there. The scope is of an agent with a user."""

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def save(
        self,
        scope: MemoryScope,
        session_id: str,
        state: Mapping[str, JsonValue],
        *,
        name: str | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> CheckpointSummary:
        """Save an orchestrator's state; the session opens with it where it is not there yet.

        Args:
            scope: Of an agent with a user.
            session_id: The session.
            state: A JSON object of at most 256 KiB.
            name: A name, where there are several things to save.
            request_id: Names the request, where it may have to be repeated: it is saved once.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            SaveCheckpointRequest, scope, request_id, deadline, session_id=session_id, name=name, state=state
        )
        return (await self._requests.ask(request)).checkpoint

    async def load(
        self,
        scope: MemoryScope,
        session_id: str,
        checkpoint_id: UUID | None = None,
        *,
        name: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Checkpoint | None:
        """Return the session's latest checkpoint, or the latest of a name; None where there is none.

        Raises:
            NotFound: If `checkpoint_id` names none of the session's.
        """
        request = self._requests.make(
            LoadCheckpointRequest, scope, None, deadline, session_id=session_id, checkpoint_id=checkpoint_id, name=name
        )
        return (await self._requests.ask(request)).checkpoint

    async def list(
        self,
        scope: MemoryScope,
        session_id: str,
        *,
        name: str | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> CheckpointPage:
        """Return a page of the session's checkpoints without their states, the latest first."""
        request = self._requests.make(
            ListCheckpointsRequest,
            scope,
            None,
            deadline,
            session_id=session_id,
            name=name,
            limit=limit,
            cursor=cursor,
        )
        return await self._requests.ask(request)
