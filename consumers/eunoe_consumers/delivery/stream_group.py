"""A consumer group on its stream: every Redis command that delivery needs, typed."""

import contextlib
import os
import secrets
import socket
from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Literal, cast

from redis import exceptions as redis_errors
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Entry
from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_schema.errors import EunoeError
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Group, dead_letters, stream, trials

_CLAIM_COUNT = 100
_RENEW_COUNT = 500
_RELEASED_MS = 2**31 - 1  # as good as for ever: the next claimer takes it at once


class GroupLost(EunoeError):
    """The consumer group is gone: Redis lost its data, or somebody deleted the stream."""


def consumer_name() -> str:
    """Return a name no other process has: host, pid, and a random part for the day when both come again."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class StreamGroup:
    """One consumer of one group."""

    def __init__(self, redis: Redis, group: Group, *, consumer: str, keeps_entries: bool) -> None:
        self.group = group
        self.consumer = consumer
        self.stream = stream(group.subject)
        self._redis = redis
        self._keeps_entries = keeps_entries
        self._bury = register_lua(redis, "eunoe_consumers.delivery", "bury")
        self._set_idle = register_lua(redis, "eunoe_consumers.delivery", "set_idle")
        self._dismiss = register_lua(redis, "eunoe_consumers.delivery", "dismiss")
        self._trial = register_lua(redis, "eunoe_consumers.delivery", "trial")

    async def acknowledge(self, ids: Collection[str]) -> None:
        """Take entries off the pending list; off the stream too where it keeps nothing that was answered."""
        if not ids:
            return
        with redis_wrapped():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xack(self.stream, self.group, *ids)
                if not self._keeps_entries:
                    pipeline.xdel(self.stream, *ids)
                await pipeline.execute()

    async def bury(self, entry: Entry, reason: str) -> bool:
        """Move an entry to the dead letters; False where another consumer was faster."""
        fields = [part for item in entry.fields.items() for part in item]
        with redis_wrapped():
            moved = await self._bury(
                keys=[self.stream, dead_letters(self.group)],
                args=[self.group, entry.id, reason, "" if self._keeps_entries else "delete", *fields],
            )
        return bool(moved)

    async def renew(self, ids: Collection[str]) -> int:
        """Show a sign of life for entries in hand; return how many are still this consumer's."""
        kept, listed = 0, list(ids)
        for start in range(0, len(listed), _RENEW_COUNT):  # Redis serves nobody else while a script runs
            part = listed[start : start + _RENEW_COUNT]
            with redis_wrapped():
                kept += int(cast("int", await self._set_idle([self.stream], [self.group, self.consumer, 0, *part])))
        return kept

    async def release(self, ids: Collection[str]) -> None:
        """Let other consumers claim entries at once."""
        with redis_wrapped():
            await self._set_idle([self.stream], [self.group, self.consumer, _RELEASED_MS, *ids])

    async def claim(self, *, after_seconds: float, cursor: str) -> tuple[str, list[Entry]]:
        """Claim entries that nobody has shown a sign of life for.

        Args:
            after_seconds: For so long.
            cursor: Where to go on; '0-0' to begin.

        Returns:
            Where to go on ('0-0' at the end), and up to 100 entries.

        Raises:
            GroupLost: If the group does not exist.
        """
        with redis_wrapped(), _group_there():
            reply = cast(
                "tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]], list[bytes]]",
                await self._redis.xautoclaim(
                    self.stream, self.group, self.consumer, int(after_seconds * 1000), cursor, count=_CLAIM_COUNT
                ),
            )
        return reply[0].decode(), entries_of(reply[1])

    async def own_pending(self, *, after: str = "0-0") -> list[Entry]:
        """Return up to 100 entries beyond `after` that this consumer has read and not acknowledged, oldest first."""
        with redis_wrapped(), _group_there():
            reply = cast(
                "list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes] | None]]]]",
                await self._redis.xreadgroup(self.group, self.consumer, {self.stream: after}, count=_CLAIM_COUNT),
            )
        return entries_of(reply[0][1]) if reply else []

    async def deliveries(self, entries: Sequence[Entry]) -> dict[str, int]:
        """Return by entry id how often each was delivered, this time included."""
        if not entries:
            return {}
        with redis_wrapped():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for entry in entries:
                    pipeline.xpending_range(self.stream, self.group, entry.id, entry.id, 1)
                replies = cast("list[list[Mapping[str, int]]]", await pipeline.execute())
        return {entry.id: reply[0]["times_delivered"] for entry, reply in zip(entries, replies, strict=True) if reply}

    async def trials(self, entries: Sequence[Entry]) -> dict[str, int]:
        """Return by entry id how often each has run alone without its process living to tell; 0 is left out."""
        if not entries:
            return {}
        with redis_wrapped():
            counts = await self._redis.hmget(trials(self.group), [entry.id for entry in entries])
        return {entry.id: int(count) for entry, count in zip(entries, counts, strict=True) if count is not None}

    async def begin_trial(self, entry_id: str) -> int:
        """Count that a suspected entry runs alone; return how often it has, this time included.

        0 where the entry is this consumer's no longer: then it must not run.
        """
        return await self._count_trial(entry_id, "begin")

    async def withdraw_trial(self, entry_id: str) -> None:
        """Take one's own trial back: it was interrupted, and says nothing against the entry."""
        await self._count_trial(entry_id, "withdraw")

    async def end_trial(self, entry_id: str) -> None:
        """Forget the trials of an entry: its process has survived it."""
        with redis_wrapped():
            await self._redis.hdel(trials(self.group), entry_id)

    async def _count_trial(self, entry_id: str, step: Literal["begin", "withdraw"]) -> int:
        keys = [self.stream, trials(self.group)]
        with redis_wrapped():
            return int(cast("int", await self._trial(keys, [self.group, self.consumer, entry_id, step])))

    async def dismiss(self, *, idle_seconds: float, only_self: bool = False) -> list[str]:
        """Delete consumers that are gone and have nothing pending; return their names."""
        with redis_wrapped():
            names = await self._dismiss(
                [self.stream], [self.group, self.consumer if only_self else "", int(idle_seconds * 1000)]
            )
        return [name.decode() for name in cast("list[bytes]", names)]


@contextlib.contextmanager
def _group_there() -> Generator[None]:
    """Tell a lost group from Redis' other errors."""
    try:
        yield
    except redis_errors.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        msg = f"the consumer group is gone ({error}): Redis has lost data, or the stream was deleted"
        raise GroupLost(msg) from error


def entries_of(items: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    """Return entries from Redis' reply; one that was deleted from the stream while pending has no fields."""
    return [Entry(entry_id.decode(), fields or {}) for entry_id, fields in items]


async def ensure_groups(redis: Redis) -> None:
    """Create every group of every stream at the stream's beginning, where it does not exist.

    At 0, so that what was published before the first consumer ever started is delivered; all of them, so that nothing
    can be trimmed before a group that starts later has seen it.
    """
    with redis_wrapped():
        for group in Group:
            try:
                await redis.xgroup_create(stream(group.subject), group, id="0", mkstream=True)
            except redis_errors.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
