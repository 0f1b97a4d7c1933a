"""Limit how many batches a worker processes at the same time, and let one entry be processed alone."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable


class Slots:
    """A semaphore of batches that can also be reserved as a whole, and closed."""

    def __init__(self, batches: int) -> None:
        self._free = self._all = batches
        self._reserved = False
        self._closed = False
        self._changed = asyncio.Event()

    async def enter(self) -> bool:
        """Wait for a slot and take it. Return False once the slots are closed."""
        await self._until(lambda: self._closed or (self._free > 0 and not self._reserved))
        if self._closed:
            return False
        self._free -= 1
        return True

    def leave(self) -> None:
        """Give a slot back."""
        self._free += 1
        self._changed.set()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Wait until every slot is free, and admit no batch during the block. For one caller at a time."""
        self._reserved = True
        try:
            await self._until(lambda: self._free == self._all)
            yield
        finally:
            self._reserved = False
            self._changed.set()

    def close(self) -> None:
        """Admit no batch from now on. `enter` returns False, also to callers that wait."""
        self._closed = True
        self._changed.set()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
