"""Recovery of cancellations that a driver swallowed."""

import asyncio


def raise_if_cancelled() -> None:
    """Raise the current task's cancellation, if a driver swallowed it.

    redis-py sends through `asyncio.wait_for`. On Python 3.11, `wait_for` drops a cancellation when the awaited call has
    just finished. Without this check after each call of a driver, a stopped worker would run for ever and a deadline
    would pass unnoticed.

    Raises:
        asyncio.CancelledError: If somebody cancelled the task.
    """
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError
