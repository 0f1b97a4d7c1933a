"""Split a list into pages. A cursor is the time and the key of a page's last item, as opaque text."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from eunoe_consumers.memories.refusals import RequestRefused, invalid

ItemT = TypeVar("ItemT")


def page_of(
    found: Sequence[ItemT], limit: int, place_of: Callable[[ItemT], tuple[datetime, object]]
) -> tuple[tuple[ItemT, ...], str | None]:
    """Return the items of a page, and the cursor of the next page; None on the last page.

    Args:
        found: One item more than `limit`, if there are more.
        limit: The size of the page.
        place_of: Returns the time and the key of an item.
    """
    shown = tuple(found[:limit])
    return shown, to_cursor(*place_of(shown[-1])) if len(found) > limit else None


def to_cursor(moment: datetime, key: object) -> str:
    """Return the cursor of an item.

    Args:
        moment: The item's time, by which the list is sorted.
        key: Distinguishes items of the same time.
    """
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {key}".encode()).decode()


def after(cursor: str | None, key_of: Callable[[str], object]) -> dict[str, object]:
    """Return the arguments `after_time` and `after_id` of a statement; both None without a cursor.

    Raises:
        RequestRefused: If the cursor does not come from a page of this list.
    """
    if cursor is None:
        return {"after_time": None, "after_id": None}
    try:
        shown, _, key = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        moment = datetime.fromisoformat(shown)
        if moment.tzinfo is None or "\x00" in key:  # PostgreSQL could compare with neither
            raise _invalid_cursor(cursor)
        return {"after_time": moment.astimezone(UTC), "after_id": key_of(key)}
    except (ValueError, OverflowError, binascii.Error) as error:
        raise _invalid_cursor(cursor) from error


def _invalid_cursor(cursor: str) -> RequestRefused:
    return invalid(f"cursor: {cursor!r} is not the cursor of a page: begin again without a cursor")
