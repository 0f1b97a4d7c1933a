"""Grouping by nearness to a leader: what is together, what is not, and the bounds."""

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


def test_the_first_leads_and_a_chain_does_not_grow() -> None:
    """At 30 degrees at most: 0 and 20 belong together; 40 is near to 20 and yet begins a group of its own, with 50."""
    groups = group_by_leader(["a"] * 4, at(0, 20, 40, 50), min_cosine=0.86, max_groups=9, max_members=9)
    assert [places for places, _ in groups] == [[0, 1], [2, 3]]
    assert [cosine for _, cosine in groups] == pytest.approx([np.cos(np.radians(20)), np.cos(np.radians(10))], abs=1e-6)


def test_kinds_are_not_mixed() -> None:
    """What belongs to another owner or tier is never offered together, however near."""
    groups = group_by_leader(["a", "b", "a"], at(0, 0, 0), min_cosine=0.9, max_groups=9, max_members=9)
    assert [places for places, _ in groups] == [[0, 2]]


def test_the_nearest_are_taken_where_there_are_too_many() -> None:
    """Of four that are near three remain: the leader and the two nearest; the fourth is alone, and no group."""
    groups = group_by_leader(["a"] * 4, at(0, 9, 3, 6), min_cosine=0.9, max_groups=9, max_members=3)
    assert [places for places, _ in groups] == [[0, 2, 3]]


def test_no_more_groups_than_asked_for() -> None:
    """The first leaders win."""
    groups = group_by_leader(["a"] * 4, at(0, 0, 90, 90), min_cosine=0.9, max_groups=1, max_members=9)
    assert [places for places, _ in groups] == [[0, 1]]
    assert group_by_leader([], np.empty((0, 2), np.float32), min_cosine=0.9, max_groups=1, max_members=9) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 360)), min_size=1, max_size=30), st.floats(-0.9, 0.99))
def test_a_group_is_of_one_kind_and_near_its_first(drawn: list[tuple[str, float]], min_cosine: float) -> None:
    """Whatever is drawn: nobody is in two groups, and each member is as near to the leader as was asked."""
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
