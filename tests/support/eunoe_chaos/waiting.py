"""Wait for a condition. If it stays false, the storm goes on and reports it."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.01


async def came_true(condition: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
    """Return True as soon as a condition holds, or False after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
