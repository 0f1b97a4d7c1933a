"""Event ids made of a channel's own ids."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_schema import InvalidEvent, make_event_id

ids = st.lists(st.text("a:%3A1", min_size=1, max_size=4) | st.integers(), min_size=1, max_size=4)


@given(ids, ids)
def test_different_ids_make_different_event_ids(one: list[str | int], other: list[str | int]) -> None:
    """Wherever a colon stands in them. A number and its digits are the same id."""
    same = [str(part) for part in one] == [str(part) for part in other]
    assert (make_event_id(*one) == make_event_id(*other)) == same


def test_event_ids_are_readable_and_never_too_long() -> None:
    """The ids stay visible, so that an operator finds the message in its channel."""
    assert make_event_id(-1001234, 17) == "-1001234:17"
    assert make_event_id("!room:example.org", "$e") == "!room%3Aexample.org:$e"
    long = {make_event_id("x" * 255, number) for number in range(20)}
    assert len(long) == 20
    assert max(map(len, long)) <= 256


@pytest.mark.parametrize("parts", [(), ("",), ("C042", ""), ("C042", None), (True,), (1.5, "a"), (b"a",)])
def test_a_missing_id_is_refused(parts: tuple[Any, ...]) -> None:
    """None would otherwise become the id `None`, which every message without an id shares."""
    with pytest.raises(InvalidEvent, match="event_id: "):
        make_event_id(*parts)
