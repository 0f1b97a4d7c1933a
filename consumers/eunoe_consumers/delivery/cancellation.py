"""Cancel tasks without waiting for ever."""

import asyncio
from collections.abc import Iterable
from typing import Any

# A cancelled driver call may wait for its server. A server that hangs must not delay the end of the process for longer.
_CANCEL_SECONDS = 2.0


async def cancel_bounded(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait briefly for their end. Their errors are not raised.

    A task that needs longer ends when its connection is closed, or with the event loop.
    """
    cancelled = set(tasks)
    for task in cancelled:
        task.cancel()
    if cancelled:
        await asyncio.wait(cancelled, timeout=_CANCEL_SECONDS)
