"""`Curator.checkpoints`: the states that an orchestrator saved in a session, so that it can continue later."""

from collections.abc import Mapping
from typing import Unpack
from uuid import UUID

from pydantic import JsonValue

from eunoe_producers.memory.client import Options, Part
from eunoe_schema.memory.base import DEFAULT_PAGE
from eunoe_schema.memory.checkpoints import (
    Checkpoint,
    CheckpointPage,
    CheckpointSummary,
    ListCheckpointsRequest,
    LoadCheckpointRequest,
    SaveCheckpointRequest,
)
from eunoe_schema.memory.scope import MemoryScope


class Checkpoints(Part):
    """Saves and loads checkpoints. The scope names an agent and a user; errors are those of `Curator`."""

    async def save(
        self,
        scope: MemoryScope,
        session_id: str,
        state: Mapping[str, JsonValue],
        *,
        name: str | None = None,
        **call: Unpack[Options],
    ) -> CheckpointSummary:
        """Save a JSON object of at most 256 KiB. This opens the session if it does not exist.

        A name tells several states of a session apart.
        """
        result = await self._ask(
            scope, call, lambda to: SaveCheckpointRequest(**to, session_id=session_id, name=name, state=dict(state))
        )
        return result.checkpoint

    async def load(
        self,
        scope: MemoryScope,
        session_id: str,
        checkpoint_id: UUID | None = None,
        *,
        name: str | None = None,
        **call: Unpack[Options],
    ) -> Checkpoint | None:
        """Return the latest checkpoint of the session, or of a name. Return None if there is none.

        Raises:
            NotFound: If the session has no checkpoint `checkpoint_id`.
        """
        result = await self._ask(
            scope,
            call,
            lambda to: LoadCheckpointRequest(**to, session_id=session_id, checkpoint_id=checkpoint_id, name=name),
        )
        return result.checkpoint

    async def list(
        self,
        scope: MemoryScope,
        session_id: str,
        *,
        name: str | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        **call: Unpack[Options],
    ) -> CheckpointPage:
        """Return a page of the checkpoints of a session without their states, latest first."""
        return await self._ask(
            scope,
            call,
            lambda to: ListCheckpointsRequest(**to, session_id=session_id, name=name, limit=limit, cursor=cursor),
        )
