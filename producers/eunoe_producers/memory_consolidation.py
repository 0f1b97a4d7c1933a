"""Consolidation: old related memories become one that says what they had to say."""

from collections.abc import Sequence
from uuid import UUID

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
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


class Consolidation:
    """Offers groups, and takes the summary that the caller has made of one."""

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def groups(
        self,
        scope: MemoryScope,
        *,
        older_than_days: int = DEFAULT_AGE_DAYS,
        min_cosine: float = DEFAULT_COSINE,
        tiers: Sequence[Tier] = (),
        limit: int = DEFAULT_GROUPS,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> tuple[ConsolidationGroup, ...]:
        """Return groups of old memories that speak of the same, each of one owner and tier, the oldest first.

        Args:
            scope: Whose; the 1,000 oldest that apply are looked at.
            older_than_days: How old a memory is at least.
            min_cosine: How near to a group's oldest memory the others are at least, -1..1.
            tiers: Only of these.
            limit: How many groups at most, 1..50.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            ConsolidationGroupsRequest,
            scope,
            None,
            deadline,
            older_than_days=older_than_days,
            min_cosine=min_cosine,
            tiers=tuple(tiers),
            limit=limit,
        )
        return (await self._requests.ask(request)).groups

    async def consolidate(
        self,
        scope: MemoryScope,
        memory_ids: Sequence[UUID],
        summary: NewMemory,
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Put a summary in the place of 2..100 memories of one owner, which point to it from then on.

        The same as merging them: `merged_into` names the summary, and they are history.
        """
        request = self._requests.make(
            MergeRequest, scope, request_id, deadline, memory_ids=tuple(memory_ids), merged=summary
        )
        return (await self._requests.ask(request)).memory
