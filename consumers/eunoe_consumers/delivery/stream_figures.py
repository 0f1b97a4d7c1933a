"""Figures about the streams, their consumer groups and consumers, for `eunoe lag`, `eunoe health` and the demo."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, dead_letters, stream


@dataclass(frozen=True)
class StreamFigures:
    """The length of a stream, and the ages of its first and last entry."""

    stream: str
    length: int
    first_seconds: float | None
    last_seconds: float | None


@dataclass(frozen=True)
class ConsumerFigures:
    """One consumer of a group, and the time since it last read entries or sent a heartbeat."""

    name: str
    pending: int
    idle_seconds: float


@dataclass(frozen=True)
class GroupFigures:
    """The state of a consumer group.

    Attributes:
        group: The group's name.
        stream: The stream that the group reads.
        exists: Whether Redis has the group. The first consumer creates every group.
        lag: Number of entries not delivered yet; None where Redis does not know.
        pending: Number of entries delivered and not acknowledged.
        oldest_pending_seconds: Age of the oldest pending entry.
        dead: Number of the group's dead letters.
        consumers: The group's consumers, by name.
    """

    group: Group
    stream: str
    exists: bool = False
    lag: int | None = None
    pending: int = 0
    oldest_pending_seconds: float | None = None
    dead: int = 0
    consumers: tuple[ConsumerFigures, ...] = ()

    @property
    def unfinished(self) -> int:
        """Number of entries that the group has not finished: lag and pending entries together."""
        return self.pending + (self.lag or 0)


@dataclass(frozen=True)
class Figures:
    """The figures of every stream and group, read at about the same moment."""

    streams: tuple[StreamFigures, ...]
    groups: tuple[GroupFigures, ...]


async def read_figures(redis: Redis) -> Figures:
    """Read the figures. A stream or group that does not exist yet has zeros.

    Raises:
        RedisNotReady: If Redis fails.
    """
    with redis_wrapped():
        seconds, micros = await redis.time()
        now_ms = seconds * 1000 + micros / 1000
        streams = [await _stream(redis, subject, now_ms) for subject in Subject]
        groups = [await _group(redis, group, now_ms) for group in Group]
    return Figures(tuple(streams), tuple(groups))


async def _stream(redis: Redis, subject: Subject, now_ms: float) -> StreamFigures:
    name = stream(subject)
    if not await redis.exists(name):
        return StreamFigures(name, 0, None, None)
    info = cast("Mapping[str, Any]", await redis.xinfo_stream(name))
    ends: list[float | None] = []
    for end in ("first-entry", "last-entry"):
        entry = cast("tuple[bytes, object] | None", info[end])
        ends.append(_age(entry[0], now_ms) if entry else None)
    return StreamFigures(name, int(info["length"]), *ends)


async def _group(redis: Redis, group: Group, now_ms: float) -> GroupFigures:
    name = stream(group.subject)
    dead = await redis.xlen(dead_letters(group))
    infos = cast("list[Mapping[str, Any]]", await redis.xinfo_groups(name)) if await redis.exists(name) else []
    info = next((info for info in infos if cast("bytes", info["name"]).decode() == group), None)
    if info is None:
        return GroupFigures(group, name, dead=dead)
    summary = cast("Mapping[str, Any]", await redis.xpending(name, group))
    oldest = cast("bytes | None", summary["min"])
    consumers = [
        ConsumerFigures(
            name=cast("bytes", consumer["name"]).decode("utf-8", "backslashreplace"),
            pending=int(consumer["pending"]),
            idle_seconds=float(consumer["idle"]) / 1000,
        )
        for consumer in cast("list[Mapping[str, Any]]", await redis.xinfo_consumers(name, group))
    ]
    return GroupFigures(
        group,
        name,
        exists=True,
        lag=cast("int | None", info["lag"]),
        pending=int(info["pending"]),
        oldest_pending_seconds=_age(oldest, now_ms) if oldest else None,
        dead=dead,
        consumers=tuple(sorted(consumers, key=lambda consumer: consumer.name)),
    )


def _age(entry_id: bytes, now_ms: float) -> float:
    """Return the age of an entry in seconds, by the clock of Redis."""
    return max(0.0, (now_ms - EntryOrder.parse(entry_id.decode()).milliseconds) / 1000)
