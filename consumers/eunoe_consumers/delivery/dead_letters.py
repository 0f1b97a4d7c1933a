"""The dead letters of a group: read, replay or drop the entries that it could not process."""

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.delivery.removed_tenants import RemovedTenants
from eunoe_consumers.errors import PermanentError
from eunoe_schema.codec import Refusal, decode
from eunoe_schema.entries import EntryOrder
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Group, dead_letters, stream

_PAGE_LETTERS = 100
_ENTRY = b"entry:"
_PACKED = b"more_fields_msgpack"


class CannotReplay(PermanentError):
    """The dead letter cannot be replayed: it holds no entry, one with too many fields, or one of a removed tenant."""


class _WithTenant(BaseModel):
    """The tenant of an entry."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: UUID


@dataclass(frozen=True)
class DeadLetter:
    """An entry that its group could not process.

    Attributes:
        id: The id of the dead letter on its own stream.
        group: The group.
        stream: The stream of the entry.
        entry_id: The entry's id on that stream.
        reason: Why it was dead-lettered, one sentence.
        attempts: Number of deliveries.
        first_seen: When the entry was appended.
        dead_lettered_at: When it was moved to the dead letters.
        fields: The original fields of the entry, at most a thousand.
        packed_bytes: Size of the further fields, which are packed into one.
    """

    id: str
    group: str
    stream: str
    entry_id: str
    reason: str
    attempts: int
    first_seen: datetime
    dead_lettered_at: datetime
    fields: Mapping[bytes, bytes]
    packed_bytes: int = 0

    @classmethod
    def parse(cls, letter_id: str, found: Mapping[bytes, bytes]) -> Self:
        """Parse a dead letter of dead_letter.lua. Unreadable fields of another writer become empty or 0."""

        def text(name: bytes) -> str:
            return found.get(name, b"").decode("utf-8", "backslashreplace")

        def number(name: bytes) -> int:
            value = found.get(name, b"")
            return int(value) if value.isdigit() else 0

        return cls(
            id=letter_id,
            group=text(b"group"),
            stream=text(b"stream"),
            entry_id=text(b"entry_id"),
            reason=text(b"reason"),
            attempts=number(b"attempts"),
            first_seen=datetime.fromtimestamp(number(b"first_seen_ms") / 1000, UTC),
            dead_lettered_at=datetime.fromtimestamp(number(b"buried_ms") / 1000, UTC),
            fields={name.removeprefix(_ENTRY): value for name, value in found.items() if name.startswith(_ENTRY)},
            packed_bytes=len(found.get(_PACKED, b"")),
        )


class DeadLetters:
    """The dead letters of one group."""

    def __init__(self, redis: Redis, group: Group) -> None:
        self.group = group
        self.key = dead_letters(group)
        self._redis = redis
        self._removed = RemovedTenants(redis)
        self._replay = register_lua(redis, "eunoe_consumers.delivery", "replay")

    async def count(self) -> int:
        """Return the number of dead letters."""
        with redis_wrapped():
            return await self._redis.xlen(self.key)

    async def all(self) -> AsyncGenerator[DeadLetter]:
        """Yield the dead letters of this moment, the oldest first.

        New ones are left out. Otherwise replaying all would never end: a poison entry becomes a new dead letter.
        """
        with redis_wrapped():
            newest = cast("list[tuple[bytes, object]]", await self._redis.xrevrange(self.key, count=1))
        last, begin = (newest[0][0].decode(), "-") if newest else ("", "")
        while begin:
            with redis_wrapped():
                page = cast(
                    "list[tuple[bytes, dict[bytes, bytes]]]",
                    await self._redis.xrange(self.key, begin, last, _PAGE_LETTERS),
                )
            for letter_id, found in page:
                yield DeadLetter.parse(letter_id.decode(), found)
            begin = f"({page[-1][0].decode()}" if len(page) == _PAGE_LETTERS else ""

    async def get(self, letter_id: str) -> DeadLetter | None:
        """Return the dead letter of this id, or None."""
        with redis_wrapped():
            found = cast(
                "list[tuple[bytes, dict[bytes, bytes]]]", await self._redis.xrange(self.key, letter_id, letter_id)
            )
        return DeadLetter.parse(found[0][0].decode(), found[0][1]) if found else None

    async def replay(self, letter_id: str) -> str | None:
        """Append the original entry to its stream again and delete the dead letter, in one step.

        Every group of the stream gets the new entry, also those that have processed the old one. Their effects are
        idempotent by the event id.

        Returns:
            The id of the new entry, or None if there is no such dead letter.

        Raises:
            CannotReplay: If it holds no entry, or one with more than about 4,000 fields; if its tenant was removed
                after the entry was appended.
        """
        letter = await self.get(letter_id)
        if letter is not None and await self._is_removed(letter):
            raise CannotReplay(
                f"dead letter {letter_id} of {self.group} belongs to a tenant that was removed after the message was "
                "published: drop it"
            )
        with redis_wrapped():
            reply = cast("bytes", await self._replay(keys=[self.key, stream(self.group.subject)], args=[letter_id]))
        if reply == b"empty":
            raise CannotReplay(f"dead letter {letter_id} of {self.group} holds no entry to replay: drop it")
        if reply == b"large":
            raise CannotReplay(f"dead letter {letter_id} of {self.group} has too many fields to be an event: drop it")
        return reply.decode() or None

    async def _is_removed(self, letter: DeadLetter) -> bool:
        """Return whether the entry belongs to a removed registration. As a new entry it would come back."""
        event = decode(letter.fields, _WithTenant)
        if isinstance(event, Refusal):
            return False
        last = await self._removed.last_entries({event.tenant_id}, self.group.subject)
        return event.tenant_id in last and EntryOrder.parse(letter.entry_id) <= last[event.tenant_id]

    async def drop(self, letter_ids: Collection[str]) -> int:
        """Delete dead letters for good. Return how many were deleted."""
        ids = list(letter_ids)
        dropped = 0
        with redis_wrapped():
            for start in range(0, len(ids), _PAGE_LETTERS):
                dropped += await self._redis.xdel(self.key, *ids[start : start + _PAGE_LETTERS])
        return dropped
