"""Run requests concurrently, but requests on the same memory in the order of the stream."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A request's place in the order.

    Attributes:
        touched: The keys of the memories, names and so on that the request works on.
        before: Done when the earlier requests on the same keys are done.
        done: Done when this request is done.
    """

    touched: Collection[str]
    before: Collection[asyncio.Future[None]]
    done: asyncio.Future[None]


class StreamOrder:
    """Remembers the last request on each key.

    The order holds across the batches of this process. Between processes there is no order: a caller that needs one
    names the version that it has seen.
    """

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}

    def join(self, touched: Collection[str]) -> Place:
        """Queue behind all earlier requests on the same keys.

        Call in the order of the stream, and pass every place to `turn()`: a place that is not used blocks its keys.
        """
        before = {self._last[key] for key in touched if key in self._last}
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._last.update(dict.fromkeys(touched, done))
        return Place(touched, before, done)

    @contextlib.asynccontextmanager
    async def turn(self, place: Place) -> AsyncGenerator[None]:
        """Wait for the earlier requests. The end of the block, with or without an error, lets the next ones go on."""
        try:
            if place.before:
                await asyncio.wait(place.before)
            yield
        finally:
            for key in place.touched:
                if self._last.get(key) is place.done:
                    del self._last[key]
            place.done.set_result(None)
