"""The curator's part for relations: what memories are to one another."""

from collections.abc import Sequence
from uuid import UUID

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.memory.enums import RelationType, Status
from eunoe_schema.memory.relations import (
    DEFAULT_WALKED,
    Direction,
    RelateRequest,
    UnrelateRequest,
    WalkRequest,
    WalkResult,
)
from eunoe_schema.memory.scope import MemoryScope


class Relations:
    """`Curator.relations`; what can be raised is said there."""

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def relate(
        self,
        scope: MemoryScope,
        from_id: UUID,
        type_: RelationType,
        to_id: UUID,
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> bool:
        """Say what one memory is to another; return whether it was not said before."""
        request = self._requests.make(
            RelateRequest, scope, request_id, deadline, from_id=from_id, type=type_, to_id=to_id
        )
        return (await self._requests.ask(request)).changed

    async def unrelate(
        self,
        scope: MemoryScope,
        from_id: UUID,
        type_: RelationType,
        to_id: UUID,
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> bool:
        """Take a relation back; return whether there was one."""
        request = self._requests.make(
            UnrelateRequest, scope, request_id, deadline, from_id=from_id, type=type_, to_id=to_id
        )
        return (await self._requests.ask(request)).changed

    async def walk(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        depth: int = 1,
        direction: Direction = Direction.BOTH,
        types: Sequence[RelationType] = (),
        statuses: Sequence[Status] = (Status.ACTIVE,),
        limit: int = DEFAULT_WALKED,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> WalkResult:
        """Return the memories that can be reached from one, the nearest first, with the relations among them.

        Args:
            scope: Whose; the walk leads only over what applies to it and is not forgotten.
            memory_id: Where it begins.
            depth: How many relations away at most, 1..10.
            direction: Along the relations, against them, or both.
            types: Over any of these; over all where it is empty.
            statuses: Over memories of any of these; of every status where it is empty.
            limit: How many memories at most, 1..200.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            WalkRequest,
            scope,
            None,
            deadline,
            memory_id=memory_id,
            depth=depth,
            direction=direction,
            types=tuple(types),
            statuses=tuple(statuses),
            limit=limit,
        )
        return await self._requests.ask(request)
