"""Handle `consolidation_groups`."""

import numpy as np

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.grouping import groups_of
from eunoe_schema.memory.consolidation import (
    MAX_MEMBERS,
    ConsolidationGroup,
    ConsolidationGroupsRequest,
    ConsolidationGroupsResult,
)


async def consolidation_groups(request: ConsolidationGroupsRequest, call: Call) -> ConsolidationGroupsResult:
    """Return groups of old related memories."""
    old = await call.unit.search.oldest(call.scope, older_than_days=request.older_than_days, tiers=request.tiers)
    if not old:
        return ConsolidationGroupsResult()
    groups = groups_of(
        [one.kind for one in old],
        np.stack([one.vector for one in old]),
        min_cosine=request.min_cosine,
        max_groups=request.limit,
        max_members=MAX_MEMBERS,
    )
    return ConsolidationGroupsResult(
        groups=tuple(
            [
                ConsolidationGroup(
                    memories=tuple(await call.unit.memories.read(call.scope, [old[place].id for place in places])),
                    min_cosine=cosine,
                )
                for places, cosine in groups
            ]
        )
    )
