"""Cursors of pages: they come back unchanged, and anything else is refused."""

import base64
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from eunoe_consumers.memories.pages import after, page_of, to_cursor
from eunoe_consumers.memories.refusals import RequestRefused

_MOMENT = datetime(2026, 3, 2, 1, 2, 3, 456_789, tzinfo=UTC)


def test_a_cursor_comes_back_unchanged() -> None:
    """Time to the microsecond and any key come back; without a cursor, the page is the first."""
    key = uuid4()
    assert after(to_cursor(_MOMENT, key), UUID) == {"after_time": _MOMENT, "after_id": key}
    text = "a session: ü 🐈"
    assert after(to_cursor(_MOMENT, text), str) == {"after_time": _MOMENT, "after_id": text}
    assert after(None, str) == {"after_time": None, "after_id": None}


def test_the_last_page_has_no_cursor() -> None:
    """One item more than the page holds gives a cursor of the last item shown; otherwise there is none."""
    assert page_of(["a", "b"], 2, lambda item: (_MOMENT, item)) == (("a", "b"), None)
    assert page_of(["a", "b", "c"], 2, lambda item: (_MOMENT, item)) == (("a", "b"), to_cursor(_MOMENT, "b"))
    assert page_of([], 2, lambda item: (_MOMENT, item)) == ((), None)


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
def test_an_invalid_cursor_is_refused(text: str) -> None:
    """The caller gets a reason. Nothing reaches PostgreSQL, which would fail the entry for it."""
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    with pytest.raises(RequestRefused, match="is not the cursor of a page: begin again without"):
        after(cursor, str)
