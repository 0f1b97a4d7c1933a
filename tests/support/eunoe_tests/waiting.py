"""Wait for conditions, never for time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")


async def wait_until(condition: Callable[[], Awaitable[ResultT]], *, seconds: float = 60.0, what: str = "") -> ResultT:
    """Return the first true result of `condition`.

    Raises:
        AssertionError: If there is none within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not (result := await condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or condition}; last seen: {result!r}")
        await asyncio.sleep(0.02)
    return result
