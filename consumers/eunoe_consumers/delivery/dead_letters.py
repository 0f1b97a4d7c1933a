"""The dead letters of a group: what could not be processed, to be looked at, replayed or dropped."""

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.errors import PermanentError
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Group, dead_letters, stream

_PAGE_LETTERS = 100
_ENTRY = b"entry:"
_PACKED = b"more_fields_msgpack"


class CannotReplay(PermanentError):
    """The dead letter's entry cannot be appended again: it is not there, or it has too many fields."""


@dataclass(frozen=True)
class DeadLetter:
    """An entry that its group could not process.

    Attributes:
        id: Its own id among the group's dead letters.
        group: The group.
        stream: Where the entry was.
        entry_id: The entry's id there.
        reason: Why it was buried, in a sentence.
        attempts: How often it was delivered.
        first_seen: When the entry was appended.
        buried_at: When it was buried.
        fields: The entry's fields, as they were; at most a thousand.
        packed_bytes: The size of what is kept packed of an entry with more fields.
    """

    id: str
    group: str
    stream: str
    entry_id: str
    reason: str
    attempts: int
    first_seen: datetime
    buried_at: datetime
    fields: Mapping[bytes, bytes]
    packed_bytes: int = 0

    @classmethod
    def parse(cls, letter_id: str, found: Mapping[bytes, bytes]) -> Self:
        """Parse what bury.lua wrote; what somebody else put there shows as far as it goes."""

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
            buried_at=datetime.fromtimestamp(number(b"buried_ms") / 1000, UTC),
            fields={name.removeprefix(_ENTRY): value for name, value in found.items() if name.startswith(_ENTRY)},
            packed_bytes=len(found.get(_PACKED, b"")),
        )


class DeadLetters:
    """The dead letters of one group."""

    def __init__(self, redis: Redis, group: Group) -> None:
        self.group = group
        self.key = dead_letters(group)
        self._redis = redis
        self._replay = register_lua(redis, "eunoe_consumers.delivery", "replay")

    async def count(self) -> int:
        """Return how many there are."""
        with redis_wrapped():
            return await self._redis.xlen(self.key)

    async def all(self) -> AsyncGenerator[DeadLetter]:
        """Yield those that there are now, the oldest first; one that is buried meanwhile is not among them.

        The bound matters to whoever replays them: poison comes back as a new dead letter, and would do so for ever.
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
        """Return one, or None where there is none of that id."""
        with redis_wrapped():
            found = cast(
                "list[tuple[bytes, dict[bytes, bytes]]]", await self._redis.xrange(self.key, letter_id, letter_id)
            )
        return DeadLetter.parse(found[0][0].decode(), found[0][1]) if found else None

    async def replay(self, letter_id: str) -> str | None:
        """Append the original entry to its stream again and remove the letter, in one step.

        Every group of the stream gets the new entry, those too that had processed the old one; their effects are
        idempotent by the event's id.

        Returns:
            The new entry's id, or None where there is no such letter.

        Raises:
            CannotReplay: If the letter holds no entry, or one of more than about 4,000 fields.
        """
        with redis_wrapped():
            reply = cast("bytes", await self._replay(keys=[self.key, stream(self.group.subject)], args=[letter_id]))
        if reply == b"empty":
            msg = f"dead letter {letter_id} of {self.group} holds no entry to replay: drop it"
            raise CannotReplay(msg)
        if reply == b"large":
            msg = f"dead letter {letter_id} of {self.group} has too many fields to be an event: drop it"
            raise CannotReplay(msg)
        return reply.decode() or None

    async def drop(self, letter_ids: Collection[str]) -> int:
        """Delete letters for good; return how many there were."""
        ids = list(letter_ids)
        dropped = 0
        with redis_wrapped():
            for start in range(0, len(ids), _PAGE_LETTERS):
                dropped += await self._redis.xdel(self.key, *ids[start : start + _PAGE_LETTERS])
        return dropped
