"""Cancellations that get lost on the way."""

import asyncio
from collections.abc import Iterable
from typing import Any

# A driver's cancellation may wait for its server, and a server may hang: nobody's end waits for it longer than this.
_CANCEL_SECONDS = 2.0


async def cancel_bounded(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait a moment for them to end; their errors are not raised.

    One that outlasts it ends when its connection is closed, or with the event loop.
    """
    told = set(tasks)
    for task in told:
        task.cancel()
    if told:
        await asyncio.wait(told, timeout=_CANCEL_SECONDS)
