"""Read the streams with FastStream, and hand each batch to the worker of its group.

FastStream is built to decode, process and acknowledge messages itself. Here delivery does all three, so FastStream only
reads. Every workaround that this needs is in this module:

- `_parse` and `_decode` pass a batch through undecoded. FastStream's own parser fails a whole batch for one bad entry.
- `FAKE_CONSUMER` and AckPolicy.MANUAL keep FastStream from acknowledging.
- `StopConsume` ends a subscriber when its worker has stopped. Otherwise it would begin another read just before its
  connection is closed.
- `_App.exit` is called by a subscriber that gives up; the default ends the process with exit code 0.
- `subscriber.tasks` is the only way to see that a subscriber died, because FastStream does not report it.
- `stop` disconnects the pool once more: a subscriber that was about to read has opened a new connection.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, cast

from faststream import AckPolicy, FastStream
from faststream.exceptions import StopConsume
from faststream.redis import RedisBroker, StreamSub
from faststream.redis.message import FAKE_CONSUMER, BatchStreamMessage, RedisBatchStreamMessage
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Entry
from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.delivery.stream_group import entries_of
from eunoe_consumers.delivery.worker import Worker

# Not below the logger `faststream`, which has a handler of its own and would write errors past our renderer.
_log = logging.getLogger("eunoe.stream_reader")
_log.setLevel(logging.WARNING)  # its errors matter here, its messages about start and stop do not

# How long a read waits for entries: shorter than redis-py's socket time-out, and short enough for a prompt stop.
_POLL_MS = 1_000


class _App(FastStream):
    def __init__(self, broker: RedisBroker) -> None:
        super().__init__(broker, logger=_log)
        self.gave_up = False

    def exit(self) -> None:
        self.gave_up = True


async def _parse(message: BatchStreamMessage) -> RedisBatchStreamMessage:
    return RedisBatchStreamMessage(raw_message=message, body=b"", consumer=FAKE_CONSUMER, group=None)


async def _decode(message: RedisBatchStreamMessage) -> list[Entry]:
    raw = message.raw_message
    return entries_of([(entry_id, fields) for entry_id, fields in zip(raw["message_ids"], raw["data"], strict=True)])


class StreamReader:
    """One subscriber per worker.

    Args:
        url: Redis.
        workers: The workers, one per group.
        settings: The pace of delivery.
    """

    def __init__(self, url: str, workers: Sequence[Worker[Any]], settings: DeliverySettings) -> None:
        self._broker = RedisBroker(url, logger=_log, apply_types=False, graceful_timeout=settings.shutdown_seconds)
        self._app = _App(self._broker)
        self._subscribers = [self._subscribe(worker, settings.batch_entries) for worker in workers]
        self._client: Redis | None = None

    async def start(self) -> None:
        """Connect and begin to read."""
        self._client = await self._broker.connect()
        await self._app.start()

    async def stop(self) -> None:
        """Stop reading and disconnect."""
        await self._app.stop()
        if self._client is not None:
            await self._client.connection_pool.disconnect(inuse_connections=True)

    def is_alive(self) -> bool:
        """Return whether every subscriber still reads."""
        return not self._app.gave_up and all(map(self._is_alive, self._subscribers))

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
            parser=_parse,
            decoder=_decode,
        )

        async def handle(entries: list[Entry]) -> None:
            if not await worker.handle(entries):
                raise StopConsume

        subscriber(handle)
        return subscriber

    @staticmethod
    def _is_alive(subscriber: Any) -> bool:  # noqa: ANN401 - FastStream keeps its type private
        tasks = cast("list[asyncio.Task[Any]]", subscriber.tasks)
        return bool(subscriber.running) and any(not task.done() for task in tasks)
