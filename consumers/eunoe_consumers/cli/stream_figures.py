"""What Redis knows of the streams, their groups and consumers: the figures of `eunoe lag` and `eunoe health`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from eunoe_consumers.connections import redis_wrapped
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, dead_letters, stream


@dataclass(frozen=True)
class StreamFigures:
    """A stream: how long it is, and how long ago its first and its last entry were appended."""

    stream: str
    length: int
    first_seconds: float | None
    last_seconds: float | None


@dataclass(frozen=True)
class ConsumerFigures:
    """One consumer of a group, and how long ago it last read or showed a sign of life."""

    name: str
    pending: int
    idle_seconds: float


@dataclass(frozen=True)
class GroupFigures:
    """A consumer group.

    Attributes:
        group: Its name.
        stream: The stream that it reads.
        exists: Whether it was made; the first consumer makes every group.
        lag: Entries not delivered yet; None where Redis does not know.
        pending: Entries delivered and not acknowledged.
        oldest_pending_seconds: How long ago the oldest of those was appended.
        dead: Its dead letters.
        consumers: Its consumers.
    """

    group: Group
    stream: str
    exists: bool
    lag: int | None
    pending: int
    oldest_pending_seconds: float | None
    dead: int
    consumers: tuple[ConsumerFigures, ...]


@dataclass(frozen=True)
class Figures:
    """Every stream and every group, at about one moment."""

    streams: tuple[StreamFigures, ...]
    groups: tuple[GroupFigures, ...]


async def read_figures(redis: Redis) -> Figures:
    """Read the figures; a stream or a group that is not there yet has zeros.

    Raises:
        RedisUnavailable: If Redis failed.
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
    found = [info for info in infos if cast("bytes", info["name"]).decode() == group]
    if not found:
        return GroupFigures(
            group, name, exists=False, lag=None, pending=0, oldest_pending_seconds=None, dead=dead, consumers=()
        )
    (info,) = found
    pending = cast("Mapping[str, Any]", await redis.xpending(name, group))
    oldest = cast("bytes | None", pending["min"])
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
    """Return how many seconds ago an entry was appended, by the clock of Redis."""
    return max(0.0, (now_ms - EntryOrder.parse(entry_id.decode()).milliseconds) / 1000)
