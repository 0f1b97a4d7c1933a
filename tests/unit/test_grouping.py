"""Grouping of old memories around leaders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from eunoe_consumers.memories.consolidation import group_by_leader


def at(*degrees: float) -> NDArray[np.float32]:
    """Return vectors in a plane, by their angles."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_groups_do_not_grow_through_chains() -> None:
    """Within 30 degrees: 0 leads 20. 40 is near to 20, but not to the leader, so it leads a group with 50."""
    groups = group_by_leader(["a"] * 4, at(0, 20, 40, 50), min_cosine=0.86, max_groups=9, max_members=9)
    assert [places for places, _ in groups] == [[0, 1], [2, 3]]
    assert [cosine for _, cosine in groups] == pytest.approx([np.cos(np.radians(20)), np.cos(np.radians(10))], abs=1e-6)


def test_kinds_are_not_mixed() -> None:
    """Memories of different owners or tiers are never in one group, however near."""
    groups = group_by_leader(["a", "b", "a"], at(0, 0, 0), min_cosine=0.9, max_groups=9, max_members=9)
    assert [places for places, _ in groups] == [[0, 2]]


def test_a_full_group_keeps_the_nearest_members() -> None:
    """Of four near vectors, the leader and the two nearest remain; the fourth one is no group."""
    groups = group_by_leader(["a"] * 4, at(0, 9, 3, 6), min_cosine=0.9, max_groups=9, max_members=3)
    assert [places for places, _ in groups] == [[0, 2, 3]]


def test_no_more_groups_than_asked_for() -> None:
    """The first leaders win."""
    groups = group_by_leader(["a"] * 4, at(0, 0, 90, 90), min_cosine=0.9, max_groups=1, max_members=9)
    assert [places for places, _ in groups] == [[0, 1]]
    assert group_by_leader([], np.empty((0, 2), np.float32), min_cosine=0.9, max_groups=1, max_members=9) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 360)), min_size=1, max_size=30), st.floats(-0.9, 0.99))
def test_members_are_of_one_kind_and_near_the_leader(drawn: list[tuple[str, float]], min_cosine: float) -> None:
    """For any vectors: no vector is in two groups, and each member is near enough to its leader."""
    kinds, degrees = zip(*drawn, strict=True)
    vectors = at(*degrees)
    groups = group_by_leader(kinds, vectors, min_cosine=min_cosine, max_groups=9, max_members=5)
    taken = [place for places, _ in groups for place in places]
    assert len(taken) == len(set(taken))
    for places, cosine in groups:
        assert 2 <= len(places) <= 5
        assert {kinds[place] for place in places} == {kinds[places[0]]}
        nearness = [float(vectors[place] @ vectors[places[0]]) for place in places[1:]]
        assert min(nearness) == pytest.approx(cosine, abs=1e-5)
        assert cosine >= min_cosine - 1e-5
