"""One consumer process: a FastStream application whose subscribers feed the workers, and an honest end."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

import structlog
from faststream import AckPolicy, FastStream
from faststream.exceptions import StopConsume
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import FAKE_CONSUMER, BatchStreamMessage, RedisBatchStreamMessage
from redis.asyncio import Redis

from eunoe_consumers.delivery.cancellation import cancel_bounded
from eunoe_consumers.delivery.entry import Entry
from eunoe_consumers.delivery.stream_group import ensure_groups, entries_of
from eunoe_consumers.delivery.worker import Worker
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()
_shell_log = logging.getLogger("faststream.shell")  # its read errors are ours to see; its greetings are not
_shell_log.setLevel(logging.WARNING)

# How long a read waits for entries: below redis-py's socket time-out, and short enough for a prompt stop.
_POLL_MS = 1_000
_CHECK_SECONDS = 0.25


class ConsumerDied(EunoeError):
    """A part of the process stopped for good; the process must end, so that a supervisor starts it anew."""


class ConsumerApp(FastStream):
    """FastStream's application, with an end that can be told from a requested stop."""

    def __init__(self, broker: RedisBroker) -> None:
        super().__init__(broker, logger=_shell_log)
        self.gave_up = False

    def exit(self) -> None:
        """Called by a subscriber that cannot go on."""
        self.gave_up = True


async def parse_entries(message: BatchStreamMessage) -> RedisBatchStreamMessage:
    """Hand a batch through as it was read: FastStream's own parser would fail a whole batch for one bad entry."""
    return RedisBatchStreamMessage(
        raw_message=message,
        body=b"",
        consumer=FAKE_CONSUMER,  # delivery acknowledges, FastStream does not
        group=None,
    )


async def decode_entries(message: RedisBatchStreamMessage) -> list[Entry]:
    """Return a batch's entries, undecoded."""
    raw = message.raw_message
    return entries_of([(entry_id, fields) for entry_id, fields in zip(raw["message_ids"], raw["data"], strict=True)])


class ConsumerProcess:
    """Runs workers until it is told to stop, or until one of its parts dies."""

    def __init__(
        self,
        url: str,
        redis: Redis,
        workers: Sequence[Worker[Any]],
        *,
        batch_entries: int,
        shutdown_seconds: float,
        duties: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
    ) -> None:
        """Put a process together.

        Args:
            url: Of Redis, for the subscribers.
            redis: A client of the same.
            workers: One for each group; none where there are duties only.
            batch_entries: Entries that one read takes.
            shutdown_seconds: How long a stopping process may finish what it has in hand.
            duties: By name, what runs beside the workers until it is cancelled.
        """
        self._redis = redis
        self._workers = workers
        self._duties = duties or {}
        self._shutdown_seconds = shutdown_seconds
        self._broker = RedisBroker(url, logger=_shell_log, apply_types=False, graceful_timeout=shutdown_seconds)
        self._app = ConsumerApp(self._broker)
        self._subscribers = [self._subscribe(worker, batch_entries) for worker in workers]

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what is in hand.

        Raises:
            ConsumerDied: If a subscriber or a worker stopped for good.
        """
        await ensure_groups(self._redis)
        beats = [asyncio.create_task(worker.run(), name=f"{worker.group.group} worker") for worker in self._workers]
        beats += [asyncio.create_task(_until_cancelled(duty), name=name) for name, duty in self._duties.items()]
        shell = await self._broker.connect()
        try:
            await self._app.start()
            log.info("consuming", groups=[*(str(worker.group.group) for worker in self._workers), *self._duties])
            await self._watch(stop, beats)
        finally:
            await cancel_bounded(beats)
            # Claims need no renewal now: the end is bounded, and what another consumer does meanwhile is idempotent.
            ends = time.monotonic() + self._shutdown_seconds
            await self._app.stop()
            left = max(0.0, ends - time.monotonic())
            await asyncio.gather(*(worker.drain(left) for worker in self._workers))
            # A reader that was about to read when its client was closed has opened a connection anew.
            await shell.connection_pool.disconnect(inuse_connections=True)

    def _subscribe(self, worker: Worker[Any], batch_entries: int) -> Any:  # noqa: ANN401 - FastStream keeps its type private
        subscriber = self._broker.subscriber(
            stream=StreamSub(
                worker.group.stream,
                group=worker.group.group,
                consumer=worker.group.consumer,
                batch=True,
                max_records=batch_entries,
                polling_interval=_POLL_MS,
            ),
            ack_policy=AckPolicy.MANUAL,
            parser=parse_entries,
            decoder=decode_entries,
        )

        async def handle(entries: list[Entry]) -> None:
            if not await worker.handle(entries):
                raise StopConsume  # or it would begin another read, just when its connection is about to be closed

        subscriber(handle)
        return subscriber

    async def _watch(self, stop: asyncio.Event, beats: Sequence["asyncio.Task[None]"]) -> None:
        """Return when told to stop; raise as soon as a part is dead, which FastStream itself would not tell."""
        while not stop.is_set():
            for beat in beats:
                if beat.done():
                    msg = f"the {beat.get_name()} stopped: {_cause(beat.exception())}"
                    raise ConsumerDied(msg) from beat.exception()
            if self._app.gave_up or not all(self._alive(subscriber) for subscriber in self._subscribers):
                msg = "a subscriber stopped for good: Redis has lost the consumer group, or the stream was deleted"
                raise ConsumerDied(msg)
            try:
                await asyncio.wait_for(stop.wait(), _CHECK_SECONDS)
            except TimeoutError:
                continue

    @staticmethod
    def _alive(subscriber: Any) -> bool:  # noqa: ANN401 - FastStream keeps its type private
        tasks = cast("list[asyncio.Task[Any]]", subscriber.tasks)
        return bool(subscriber.running) and any(not task.done() for task in tasks)


async def _until_cancelled(duty: Callable[[], Awaitable[None]]) -> None:  # a task needs a coroutine
    await duty()


def _cause(error: BaseException | None) -> str:
    """Return what is at the bottom of a task group's error."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return str(error)
