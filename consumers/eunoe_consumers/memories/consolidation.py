"""`consolidation_groups`: offer groups of old, related memories that a summary could replace."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.consolidation import (
    MAX_MEMBERS,
    ConsolidationGroup,
    ConsolidationGroupsRequest,
    ConsolidationGroupsResult,
)

# Each memory is compared with each other one: a million cosines, some ten milliseconds.
_MAX_COMPARED = 1_000


class ConsolidationQueries(QueryFile, file="consolidation"):
    """The statement that finds old memories."""

    oldest_memories: Statement


@handles(ConsolidationGroupsRequest)
async def consolidation_groups(request: ConsolidationGroupsRequest, call: Call) -> ConsolidationGroupsResult:
    """Return groups of old, related memories."""
    old = await call.db.fetch(
        ConsolidationQueries.oldest_memories,
        older_than_days=request.older_than_days,
        tiers=request.tiers,
        limit=_MAX_COMPARED,
    )
    if not old:
        return ConsolidationGroupsResult()
    groups = group_by_leader(
        [(row["agent_id"], row["user_id"], row["tier"]) for row in old],  # only these can be merged with each other
        np.stack([row["embedding"].to_numpy().astype(np.float32) for row in old]),
        min_cosine=request.min_cosine,
        max_groups=request.limit,
        max_members=MAX_MEMBERS,
    )
    return ConsolidationGroupsResult(
        groups=tuple(
            [
                ConsolidationGroup(
                    memories=tuple(await table.read(call.db, [old[place]["id"] for place in places])),
                    min_cosine=cosine,
                )
                for places, cosine in groups
            ]
        )
    )


def group_by_leader(
    kinds: Sequence[Hashable],
    vectors: NDArray[np.float32],
    *,
    min_cosine: float,
    max_groups: int,
    max_members: int,
) -> list[tuple[list[int], float]]:
    """Return groups of two or more vectors, each a leader with its neighbours: the leader algorithm (Hartigan 1975).

    One pass in the given order, so that older memories lead. Other kinds of clustering would group two memories with
    different meanings because a third one is near both.

    Args:
        kinds: The kind of each of n vectors. Only vectors of the same kind are grouped.
        vectors: Shape (n, dim) float32.
        min_cosine: The least similarity of a member to its leader.
        max_groups: How many groups at most.
        max_members: How many members a group has at most; the nearest ones are taken.

    Returns:
        The places of the members in ascending order, the leader's first, and the least cosine to the leader.
    """
    if not len(kinds):
        return []
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    kind_of = np.array([numbers[kind] for kind in kinds])
    free = np.ones(len(kinds), dtype=np.bool_)
    groups: list[tuple[list[int], float]] = []
    for leader in range(len(kinds)):
        if len(groups) == max_groups:
            break
        if not free[leader]:
            continue
        free[leader] = False
        cosines = units @ units[leader]
        near = np.flatnonzero(free & (kind_of == kind_of[leader]) & (cosines >= min_cosine))
        if not near.size:
            continue
        members = near[np.argsort(-cosines[near], kind="stable")][: max_members - 1]
        free[members] = False
        groups.append(([leader, *sorted(members.tolist())], float(cosines[members].min())))
    return groups
