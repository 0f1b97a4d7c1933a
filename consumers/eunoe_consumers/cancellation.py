"""Cancellations that get lost on the way."""

import asyncio


def raise_if_cancelled() -> None:
    """Raise the current task's cancellation, if it has one that nobody raised.

    redis-py sends through asyncio.wait_for, which on Python 3.11 drops a cancellation when what it waits for has just
    finished. A worker would then go on for ever after it was stopped, and a deadline would pass unnoticed. Called after
    each call of a driver.

    Raises:
        asyncio.CancelledError: If the task was told to end.
    """
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError
