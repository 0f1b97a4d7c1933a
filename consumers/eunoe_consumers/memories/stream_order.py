"""Run requests concurrently, but those that touch the same thing in the order of the stream."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A request's place in the order.

    Attributes:
        touched: What it touches.
        before: The ends of those that it comes after.
        end: Its own.
    """

    touched: Collection[str]
    before: Collection[asyncio.Future[None]]
    end: asyncio.Future[None]


class StreamOrder:
    """Remembers, for each thing that is touched, the last request that takes part.

    Across batches too: a batch that is read while another is being done waits only for what it shares with it. Between
    processes there is no such order; there a caller names the version that it has seen.
    """

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}

    def join(self, touched: Collection[str]) -> Place:
        """Take a place behind all that touch the same; to be called in the order of the stream, and then taken."""
        before = {self._last[thing] for thing in touched if thing in self._last}
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last.update(dict.fromkeys(touched, end))
        return Place(touched, before, end)

    @contextlib.asynccontextmanager
    async def turn(self, place: Place) -> AsyncGenerator[None]:
        """Wait until all before are done; the block's end is the request's, however it comes."""
        try:
            if place.before:
                await asyncio.wait(place.before)
            yield
        finally:
            for thing in place.touched:
                if self._last.get(thing) is place.end:
                    del self._last[thing]
            place.end.set_result(None)
