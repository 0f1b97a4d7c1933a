"""The Redis commands of delivery, typed, for one consumer of a consumer group."""

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
from eunoe_schema.streams import Group, dead_letters, isolated_attempts, stream

_CLAIM_COUNT = 100
_RENEW_COUNT = 500
_RELEASED_MS = 2**31 - 1  # longer than any claim lasts, so that the next consumer claims the entry at once
_PACKAGE = "eunoe_consumers.delivery"


class GroupLost(EunoeError):
    """The consumer group is gone: Redis lost its data, or somebody deleted the stream."""


def consumer_name() -> str:
    """Return a unique name of a process: host, process id, and a random part, because process ids are reused."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class StreamGroup:
    """One consumer of one group.

    Args:
        redis: A client.
        group: The group.
        consumer: The consumer's name.
        keeps_entries: Whether an acknowledged entry stays on the stream.
    """

    def __init__(self, redis: Redis, group: Group, *, consumer: str, keeps_entries: bool) -> None:
        self.group = group
        self.consumer = consumer
        self.stream = stream(group.subject)
        self._redis = redis
        self._keeps_entries = keeps_entries
        self._dead_letter = register_lua(redis, _PACKAGE, "dead_letter")
        self._set_idle = register_lua(redis, _PACKAGE, "set_idle")
        self._delete_idle_consumers = register_lua(redis, _PACKAGE, "delete_idle_consumers")
        self._isolated_attempt = register_lua(redis, _PACKAGE, "isolated_attempt")

    async def acknowledge(self, ids: Collection[str]) -> None:
        """Acknowledge entries, and delete them if the stream does not keep them."""
        if not ids:
            return
        with redis_wrapped():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.xack(self.stream, self.group, *ids)
                if not self._keeps_entries:
                    pipeline.xdel(self.stream, *ids)
                await pipeline.execute()

    async def dead_letter(self, entry: Entry, reason: str) -> bool:
        """Move an entry to the dead letters. Return False if it is no longer pending."""
        fields = [part for item in entry.fields.items() for part in item]
        with redis_wrapped():
            moved = await self._dead_letter(
                keys=[self.stream, dead_letters(self.group)],
                args=[self.group, entry.id, reason, "" if self._keeps_entries else "delete", *fields],
            )
        return bool(moved)

    async def renew(self, ids: Collection[str]) -> int:
        """Send a heartbeat for entries in hand. Return how many of them this consumer still owns."""
        owned, listed = 0, list(ids)
        for start in range(0, len(listed), _RENEW_COUNT):  # Redis serves no other client while a script runs
            part = listed[start : start + _RENEW_COUNT]
            with redis_wrapped():
                owned += int(cast("int", await self._set_idle([self.stream], [self.group, self.consumer, 0, *part])))
        return owned

    async def release(self, ids: Collection[str]) -> None:
        """Let other consumers claim entries at once."""
        with redis_wrapped():
            await self._set_idle([self.stream], [self.group, self.consumer, _RELEASED_MS, *ids])

    async def claim(self, *, after_seconds: float, cursor: str) -> tuple[str, list[Entry]]:
        """Claim pending entries without a recent heartbeat.

        Args:
            after_seconds: The time since the last heartbeat.
            cursor: Where to continue; '0-0' to begin.

        Returns:
            Where to continue ('0-0' at the end), and up to 100 entries.

        Raises:
            GroupLost: If the group does not exist.
        """
        with redis_wrapped(), _group_exists():
            reply = cast(
                "tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]], list[bytes]]",
                await self._redis.xautoclaim(
                    self.stream, self.group, self.consumer, int(after_seconds * 1000), cursor, count=_CLAIM_COUNT
                ),
            )
        return reply[0].decode(), entries_of(reply[1])

    async def own_pending(self, *, after: str = "0-0") -> list[Entry]:
        """Return up to 100 pending entries of this consumer with ids above `after`, the oldest first."""
        with redis_wrapped(), _group_exists():
            reply = cast(
                "list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes] | None]]]]",
                await self._redis.xreadgroup(self.group, self.consumer, {self.stream: after}, count=_CLAIM_COUNT),
            )
        return entries_of(reply[0][1]) if reply else []

    async def deliveries(self, entries: Sequence[Entry]) -> dict[str, int]:
        """Return the number of deliveries of each pending entry, by entry id, the present one included."""
        if not entries:
            return {}
        with redis_wrapped():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for entry in entries:
                    pipeline.xpending_range(self.stream, self.group, entry.id, entry.id, 1)
                replies = cast("list[list[Mapping[str, int]]]", await pipeline.execute())
        return {entry.id: reply[0]["times_delivered"] for entry, reply in zip(entries, replies, strict=True) if reply}

    async def isolated_attempts(self, entries: Sequence[Entry]) -> dict[str, int]:
        """Return the number of isolated attempts that never ended, by entry id. Entries without any are left out."""
        if not entries:
            return {}
        with redis_wrapped():
            counts = await self._redis.hmget(isolated_attempts(self.group), [entry.id for entry in entries])
        return {entry.id: int(count) for entry, count in zip(entries, counts, strict=True) if count is not None}

    async def begin_isolated_attempt(self, entry_id: str) -> int:
        """Count an isolated attempt. Return the number of attempts, this one included.

        Returns 0 if another consumer owns the entry now. Then it must not be processed.
        """
        return await self._count_isolated_attempt(entry_id, "begin")

    async def withdraw_isolated_attempt(self, entry_id: str) -> None:
        """Uncount this consumer's attempt: it was interrupted, and says nothing about the entry."""
        await self._count_isolated_attempt(entry_id, "withdraw")

    async def clear_isolated_attempts(self, entry_id: str) -> None:
        """Forget the attempts of an entry, because its process survived one."""
        with redis_wrapped():
            await self._redis.hdel(isolated_attempts(self.group), entry_id)

    async def _count_isolated_attempt(self, entry_id: str, step: Literal["begin", "withdraw"]) -> int:
        keys = [self.stream, isolated_attempts(self.group)]
        with redis_wrapped():
            return int(cast("int", await self._isolated_attempt(keys, [self.group, self.consumer, entry_id, step])))

    async def delete_idle_consumers(self, *, idle_seconds: float, only_self: bool = False) -> list[str]:
        """Delete idle consumers without pending entries. Return their names."""
        with redis_wrapped():
            names = await self._delete_idle_consumers(
                [self.stream], [self.group, self.consumer if only_self else "", int(idle_seconds * 1000)]
            )
        return [name.decode() for name in cast("list[bytes]", names)]


@contextlib.contextmanager
def _group_exists() -> Generator[None]:
    """Raise GroupLost for NOGROUP, so that it is not taken for another error of Redis."""
    try:
        yield
    except redis_errors.ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
        raise GroupLost(
            f"the consumer group is gone ({error}): Redis has lost data, or the stream was deleted"
        ) from error


def entries_of(items: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    """Return entries from a reply of Redis. A pending entry that was deleted from the stream has no fields."""
    return [Entry(entry_id.decode(), fields or {}) for entry_id, fields in items]


async def ensure_groups(redis: Redis) -> None:
    """Create the missing groups of all streams, starting at the beginning of their stream.

    At the beginning, so that entries published before the first consumer are delivered. All groups, so that no entry is
    trimmed before a group that starts later has read it.
    """
    with redis_wrapped():
        for group in Group:
            try:
                await redis.xgroup_create(stream(group.subject), group, id="0", mkstream=True)
            except redis_errors.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
