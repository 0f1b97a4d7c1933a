"""`Curator.relations`: the relations between memories."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from eunoe_producers.memory.client import Options, Part
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


class Relations(Part):
    """Relates memories and follows their relations. Errors are those of `Curator`."""

    async def relate(
        self, scope: MemoryScope, from_id: UUID, type_: RelationType, to_id: UUID, **call: Unpack[Options]
    ) -> bool:
        """Relate two memories. Return whether the relation is new."""
        result = await self._ask(scope, call, lambda to: RelateRequest(**to, from_id=from_id, type=type_, to_id=to_id))
        return result.changed

    async def unrelate(
        self, scope: MemoryScope, from_id: UUID, type_: RelationType, to_id: UUID, **call: Unpack[Options]
    ) -> bool:
        """Remove a relation. Return whether there was one."""
        result = await self._ask(
            scope, call, lambda to: UnrelateRequest(**to, from_id=from_id, type=type_, to_id=to_id)
        )
        return result.changed

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
        **call: Unpack[Options],
    ) -> WalkResult:
        """Follow relations from a memory. Return the memories reached, nearest first, and the relations among them.

        The walk skips memories that do not apply to the scope, and forgotten ones. `depth` is the largest number of
        relations to follow one after another, 1..10. `limit` is the number of memories, 1..200. Empty `types` or
        `statuses` stand for all of them.
        """
        return await self._ask(
            scope,
            call,
            lambda to: WalkRequest(
                **to,
                memory_id=memory_id,
                depth=depth,
                direction=direction,
                types=tuple(types),
                statuses=tuple(statuses),
                limit=limit,
            ),
        )
