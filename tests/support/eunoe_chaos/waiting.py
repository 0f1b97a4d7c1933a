"""Wait for a condition whose absence is a finding, and not the end of the storm."""

import asyncio
import time
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.01


async def came_true(condition: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
    """Tell whether a condition became true within `seconds`; returns as soon as it did."""
    ends = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > ends:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True
