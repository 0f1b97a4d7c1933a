"""Room for batches in a worker: so many at a time, or one entry alone; none once the worker stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable


class Slots:
    """Counts the batches in hand, and lets the next ones wait."""

    def __init__(self, batches: int) -> None:
        self._free = self._all = batches
        self._reserved = False
        self._closed = False
        self._changed = asyncio.Event()

    async def enter(self) -> bool:
        """Wait for room and take it; False once the slots are closed."""
        await self._until(lambda: self._closed or (self._free > 0 and not self._reserved))
        if self._closed:
            return False
        self._free -= 1
        return True

    def leave(self) -> None:
        """Give room back."""
        self._free += 1
        self._changed.set()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Wait until nobody is in, and let nobody in during the block; one caller at a time."""
        self._reserved = True
        try:
            await self._until(lambda: self._free == self._all)
            yield
        finally:
            self._reserved = False
            self._changed.set()

    def close(self) -> None:
        """Let nobody in any more, and send away who waits."""
        self._closed = True
        self._changed.set()

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._changed.clear()
            await self._changed.wait()
