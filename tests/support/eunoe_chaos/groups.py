"""How far the groups are, asked of a Redis that may be away at any moment."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypedDict, cast

from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, stream

AWAY = (redis_errors.ConnectionError, redis_errors.TimeoutError, OSError)
_ANSWER_SECONDS = 5.0
_POLL_SECONDS = 0.02

# Those that messages and recalls go through.
GROUPS = (Group.WINDOW, Group.EMBED, Group.RECALL)

GroupInfo = TypedDict("GroupInfo", {"name": bytes, "pending": int, "last-delivered-id": bytes})


class _ConsumerInfo(TypedDict):
    name: bytes
    pending: int


class _StreamInfo(TypedDict("_StreamId", {"last-generated-id": bytes})):
    pass


class _Pending(TypedDict):
    pending: int
    min: bytes | None


@dataclass(frozen=True)
class Left:
    """The unfinished work of a group.

    Attributes:
        unread: Whether the stream's last entry was not delivered yet.
        pending: Entries delivered and not acknowledged.
    """

    unread: bool
    pending: int

    def __bool__(self) -> bool:
        return self.unread or self.pending > 0


def open_plainly(url: str) -> Redis:
    """Return a client without retries, so that every attempt is counted."""
    return Redis.from_url(
        url, retry=Retry(NoBackoff(), 0), socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
    )


class GroupWatch:
    """Reads the state of groups and consumers. Each read is repeated until Redis answers."""

    def __init__(self, url: str) -> None:
        self._redis = open_plainly(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._redis.aclose()

    async def in_flight(self, group: Group) -> Mapping[int, int]:
        """Return by process id how many entries each registered consumer of a group has in flight."""
        while True:
            try:
                found = cast("list[_ConsumerInfo]", await self._redis.xinfo_consumers(stream(group.subject), group))
            except AWAY:
                await asyncio.sleep(_POLL_SECONDS)
                continue
            except redis_errors.ResponseError:  # no consumer has created the group yet
                return {}
            return {int(info["name"].decode().split("-")[-2]): info["pending"] for info in found}

    async def last_entry(self, subject: Subject) -> EntryOrder:
        """Return the position of the last entry that was ever appended to a stream."""
        while True:
            try:
                info = cast("_StreamInfo", await self._redis.xinfo_stream(stream(subject)))
            except AWAY:
                await asyncio.sleep(_POLL_SECONDS)
                continue
            return EntryOrder.parse(_text(info["last-generated-id"]))

    async def passed(self, group: Group, entry: EntryOrder) -> bool:
        """Return whether a group has finished every entry up to this one; False if Redis does not answer."""
        name = stream(group.subject)
        try:
            groups = cast("list[GroupInfo]", await self._redis.xinfo_groups(name))
            pending = cast("_Pending", await self._redis.xpending(name, group))
        except AWAY:
            return False
        info = next(info for info in groups if info["name"] == group.encode())
        if EntryOrder.parse(_text(info["last-delivered-id"])) < entry:
            return False
        return pending["min"] is None or EntryOrder.parse(_text(pending["min"])) > entry

    async def left(self, group: Group) -> Left:
        """Return the unfinished work of a group."""
        last = await self.last_entry(group.subject)
        groups = cast("list[GroupInfo]", await self._redis.xinfo_groups(stream(group.subject)))
        info = next(info for info in groups if info["name"] == group.encode())
        return Left(EntryOrder.parse(_text(info["last-delivered-id"])) < last, info["pending"])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
