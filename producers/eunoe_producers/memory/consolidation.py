"""`Curator.consolidation`: groups of old, related memories, to be replaced by a summary."""

from collections.abc import Sequence
from typing import Unpack
from uuid import UUID

from eunoe_producers.memory.client import Options, Part
from eunoe_schema.memory.change import MergeRequest
from eunoe_schema.memory.consolidation import (
    DEFAULT_AGE_DAYS,
    DEFAULT_COSINE,
    DEFAULT_GROUPS,
    ConsolidationGroup,
    ConsolidationGroupsRequest,
)
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.remember import NewMemory
from eunoe_schema.memory.scope import MemoryScope


class Consolidation(Part):
    """Offers groups of memories and stores the summary that the caller wrote for one. Errors are those of `Curator`."""

    async def groups(
        self,
        scope: MemoryScope,
        *,
        older_than_days: int = DEFAULT_AGE_DAYS,
        min_cosine: float = DEFAULT_COSINE,
        tiers: Sequence[Tier] = (),
        limit: int = DEFAULT_GROUPS,
        **call: Unpack[Options],
    ) -> tuple[ConsolidationGroup, ...]:
        """Return groups of old memories with similar contents, each of one owner and tier, oldest first.

        The 1,000 oldest active memories of the scope are compared. `min_cosine` is the least similarity to the oldest
        memory of the group, -1..1. Without tiers, all are compared. `limit` is the number of groups, 1..50.
        """
        result = await self._ask(
            scope,
            call,
            lambda to: ConsolidationGroupsRequest(
                **to, older_than_days=older_than_days, min_cosine=min_cosine, tiers=tuple(tiers), limit=limit
            ),
        )
        return result.groups

    async def consolidate(
        self, scope: MemoryScope, memory_ids: Sequence[UUID], summary: NewMemory, **call: Unpack[Options]
    ) -> Memory:
        """Replace 2..100 memories of one owner by a summary. This is a merge: they stay as history and point to it."""
        result = await self._ask(
            scope, call, lambda to: MergeRequest(**to, memory_ids=tuple(memory_ids), merged=summary)
        )
        return result.memory
