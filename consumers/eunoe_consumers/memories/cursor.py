"""The end of a page, as text that nobody takes for more than that."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from eunoe_consumers.memories.refusal import invalid

KeyT = TypeVar("KeyT")


def to_cursor(moment: datetime, key: object) -> str:
    """Return the cursor of what was shown last.

    Args:
        moment: When it began.
        key: What tells it from others of the same moment.
    """
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {key}".encode()).decode()


def from_cursor(cursor: str | None, key_of: Callable[[str], KeyT]) -> tuple[datetime, KeyT] | None:
    """Return what was shown last; None where there is no cursor.

    Raises:
        Refused: If it is no cursor of such a page.
    """
    if cursor is None:
        return None
    try:
        shown, _, key = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        moment = datetime.fromisoformat(shown)
        if moment.tzinfo is None or "\x00" in key:  # what PostgreSQL could not compare with
            raise _no_cursor(cursor)
        return moment.astimezone(UTC), key_of(key)
    except (ValueError, OverflowError, binascii.Error) as error:
        raise _no_cursor(cursor) from error


def _no_cursor(cursor: str) -> Exception:
    return invalid(f"cursor: {cursor!r} is not one that a page came with: begin again without")
