"""Which of many vectors belong together."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def groups_of(
    kinds: Sequence[Hashable],
    vectors: NDArray[np.float32],
    *,
    min_cosine: float,
    max_groups: int,
    max_members: int,
) -> list[tuple[list[int], float]]:
    """Return groups of two or more, each a leader with what is near to it: the leader algorithm (Hartigan 1975).

    One pass in the order given, so that older memories lead; every other way of clustering would let two that say
    different things meet through a third one.

    Args:
        kinds: Only what is of one kind is grouped; n of them.
        vectors: Shape (n, dim) float32.
        min_cosine: How near a member is to its leader at least.
        max_groups: How many groups at most.
        max_members: How many are in one at most, the nearest of them.

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
