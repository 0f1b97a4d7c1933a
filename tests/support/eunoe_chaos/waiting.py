"""Wait for a condition. Its absence is a finding and does not end the storm."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.01


async def came_true(condition: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
    """Return whether a condition becomes true within `seconds`, as soon as it does."""
    ends = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
