"""Record the state of the stream of messages in PostgreSQL, so that a loss of Redis' data is noticed and dated."""

from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.postgres.stream_log import Observation, StreamLog
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Group, Subject, stream

log = structlog.stdlib.get_logger()


class StreamWatch:
    """Observes the stream and records each observation.

    Every process of the group `embed` runs one, because this group makes entries durable. Any number may run at the
    same time.
    """

    def __init__(self, redis: Redis, stream_log: StreamLog) -> None:
        self._redis = redis
        self._stream_log = stream_log
        self._stream = stream(Subject.MESSAGES)
        self._newest: EntryOrder | None = None
        self._observe = register_lua(redis, "eunoe_consumers.embed", "observe")
        self._raise_ids = register_lua(redis, "eunoe_consumers.embed", "raise_ids")

    async def record(self) -> None:
        """Observe the stream once, record it, and log a loss.

        Raises:
            RedisNotReady: If Redis failed.
            StoreUnavailable: If PostgreSQL failed.
        """
        seen = await self.observe()
        if seen is None:
            return  # no stream yet, or the group was lost, which its worker reports
        recorded = await self._stream_log.record(seen)
        if recorded.lost is not None:
            after, before = recorded.lost
            log.error(
                "messages may be lost: `eunoe health` says what to do",
                lost_after=after.isoformat(),
                lost_before=before.isoformat(),
            )
        if recorded.newest > seen.newest:
            with redis_wrapped():
                await self._raise_ids(keys=[self._stream], args=[str(recorded.newest)])
        self._newest = recorded.newest

    async def observe(self) -> Observation | None:
        """Return the present state of the stream; None if stream or group is absent, or an id is too large to store.

        Raises:
            RedisNotReady: If Redis failed.
        """
        with redis_wrapped():
            reply = cast(
                "list[bytes | list[bytes]] | None",
                await self._observe(
                    keys=[self._stream, keys.INCARNATION],
                    args=[Group.EMBED, str(uuid4()), "" if self._newest is None else str(self._newest)],
                ),
            )
        if reply is None:
            return None
        mark, born_ms, now_ms, newest, durable = (part.decode() for part in cast("list[bytes]", reply[:5]))
        try:
            _ = EntryOrder.parse(newest).position, EntryOrder.parse(durable).position
        except ValueError as error:  # a program without the client appended an entry with its own id
            log.error("the stream cannot be watched", reason=str(error))  # noqa: TRY400 - the trace says no more
            return None
        observed_at = _time(now_ms)
        gap = None
        if reply[5]:
            after, before = (part.decode() for part in cast("list[bytes]", reply[5]))
            gap = (EntryOrder.parse(after).time, EntryOrder.parse(before).time if before else observed_at)
        return Observation(
            stream=self._stream,
            incarnation=UUID(mark),
            born_at=_time(born_ms),
            observed_at=observed_at,
            newest=EntryOrder.parse(newest),
            durable=EntryOrder.parse(durable),
            gap=gap,
        )


def _time(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
