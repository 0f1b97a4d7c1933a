"""The ends of pages as text: they come back as they were, and what is none is refused."""

import base64
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from eunoe_consumers.memories.cursor import from_cursor, to_cursor
from eunoe_consumers.memories.refusal import RequestRefused

_MOMENT = datetime(2026, 3, 2, 1, 2, 3, 456_789, tzinfo=UTC)


def test_a_cursor_comes_back_as_it_was() -> None:
    """To the microsecond, whatever stands in the key; without one, the page is the first."""
    key = uuid4()
    assert from_cursor(to_cursor(_MOMENT, key), UUID) == (_MOMENT, key)
    assert from_cursor(to_cursor(_MOMENT, "a session: ü 🐈"), str) == (_MOMENT, "a session: ü 🐈")
    assert from_cursor(None, str) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-02T01:02:03 s",  # without a zone
        "2026-03-02T01:02:03+00:00 a\x00b",
        "0001-01-01T00:00:00+14:00 s",  # before the calendar begins, in UTC
        "9999-12-31T23:59:59-14:00 s",
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """The request is refused with a word to its caller; nothing of it reaches PostgreSQL and is buried for it."""
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    with pytest.raises(RequestRefused, match="is not one that a page came with: begin again without"):
        from_cursor(cursor, str)
