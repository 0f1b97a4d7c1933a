"""One consumer process: readers feed workers until the process is stopped, or one of its parts dies."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.delivery.stream_group import ensure_groups
from eunoe_consumers.delivery.stream_reader import StreamReader
from eunoe_consumers.delivery.worker import Worker, cancel_bounded
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()

_CHECK_SECONDS = 0.25


class ConsumerDied(EunoeError):
    """A part of the process stopped for good. The process must end, so that a supervisor starts it again."""


class ConsumerProcess:
    """The workers, the reader and the duties of one process.

    Args:
        url: Redis, for the reader.
        redis: A client of the same Redis.
        workers: The workers, one per group; none if the process only has duties.
        settings: The pace of delivery.
        duties: Calls that run beside the workers until they are cancelled, by name.
    """

    def __init__(
        self,
        url: str,
        redis: Redis,
        workers: Sequence[Worker[Any]],
        settings: DeliverySettings,
        *,
        duties: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
    ) -> None:
        self._redis = redis
        self._workers = workers
        self._duties = duties or {}
        self._shutdown_seconds = settings.shutdown_seconds
        self._reader = StreamReader(url, workers, settings)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish the entries in hand.

        Raises:
            ConsumerDied: If the reader, a worker or a duty stopped for good.
        """
        await ensure_groups(self._redis)
        tasks = [asyncio.create_task(worker.run(), name=f"{worker.group.group} worker") for worker in self._workers]
        tasks += [asyncio.create_task(_as_coroutine(duty), name=name) for name, duty in self._duties.items()]
        try:
            await self._reader.start()
            log.info("consuming", groups=[*(str(worker.group.group) for worker in self._workers), *self._duties])
            await self._watch(stop, tasks)
        finally:
            await cancel_bounded(tasks)
            # Claims are no longer renewed. Another consumer may claim an entry meanwhile; both do the same idempotent
            # work. The end is bounded in time.
            ends = time.monotonic() + self._shutdown_seconds
            await self._reader.stop()
            left = max(0.0, ends - time.monotonic())
            await asyncio.gather(*(worker.finish_or_release(left) for worker in self._workers))

    async def _watch(self, stop: asyncio.Event, tasks: Sequence["asyncio.Task[None]"]) -> None:
        """Return when `stop` is set; raise as soon as a part is dead."""
        while not stop.is_set():
            for task in tasks:
                if task.done():
                    raise ConsumerDied(
                        f"the {task.get_name()} stopped: {_cause(task.exception())}"
                    ) from task.exception()
            if not self._reader.is_alive():
                raise ConsumerDied(
                    "a subscriber stopped for good: Redis has lost the consumer group, or the stream was deleted"
                )
            try:
                await asyncio.wait_for(stop.wait(), _CHECK_SECONDS)
            except TimeoutError:
                continue


async def _as_coroutine(duty: Callable[[], Awaitable[None]]) -> None:  # a task needs a coroutine
    await duty()


def _cause(error: BaseException | None) -> str:
    """Return the innermost error of a task group."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return str(error)
