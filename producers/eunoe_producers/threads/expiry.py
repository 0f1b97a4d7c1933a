"""Expiry times of thread records."""

from typing import Annotated

from pydantic import Field

from eunoe_schema.threads import Thread

# A longer expiry is a mistake in the unit, such as milliseconds; without any, a record stays.
MAX_EXPIRY_SECONDS = 10 * 366 * 24 * 3600
Seconds = Annotated[float, Field(gt=0, le=MAX_EXPIRY_SECONDS)]


class ExpiringThread(Thread):
    """A thread, and after how many seconds what is kept for it expires; None for never."""

    seconds: Seconds | None


def milliseconds(seconds: float | None) -> int:
    """Return an expiry in milliseconds, at least 1; 0 for none."""
    return 0 if seconds is None else max(1, round(seconds * 1000))
