"""Once-only: claim an event before working on it, and look up under which entry it was published."""

from typing import cast
from uuid import uuid4

from pydantic import BaseModel

from eunoe_producers.threads.expiry import Seconds, milliseconds
from eunoe_producers.threads.records import Records
from eunoe_schema import keys
from eunoe_schema.scope import Scope
from eunoe_schema.text import Name
from eunoe_schema.validation import checked

DEFAULT_PURPOSE = "handle"


class _Event(BaseModel):
    event_id: Name
    purpose: Name
    seconds: Seconds


class Once:
    """Claims events, so that what a channel delivers twice is worked on once.

    Publishing needs no claim: `Gateway.publish` remembers the entry id of each event by itself, and `published_as`
    tells it. A claim is for other work (answering, billing), one for each purpose, and it neither sees nor hinders the
    publication: its key is of the same family and the same scope, but bears an event id that no event can have.
    """

    def __init__(self, records: Records, *, dedup_seconds: float) -> None:
        self._records = records
        self._dedup_seconds = dedup_seconds

    async def first_time(
        self, scope: Scope, event_id: str, *, purpose: str = DEFAULT_PURPOSE, seconds: float | None = None
    ) -> bool:
        """Claim an event, and tell whether this is the first claim; of any number at once, exactly one is.

        Args:
            scope: The scope of the event: channels number messages per chat.
            event_id: The channel's message id, 1..256 characters.
            purpose: What is to be done once; each purpose has claims of its own.
            seconds: How long the claim is remembered; None for `ThreadOptions.limits.dedup_seconds`, 24 h by default.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        key, expires_ms = self._claim(scope, event_id, purpose, seconds)
        # Names this call: where an outage hid the answer and the command is repeated, it finds its own claim.
        token = uuid4().hex
        before = await self._records.run(
            key, lambda: self._records.redis.set(key, token, nx=True, get=True, px=expires_ms)
        )
        return cast("bytes | None", before) in {None, token.encode()}

    async def release(self, scope: Scope, event_id: str, *, purpose: str = DEFAULT_PURPOSE) -> bool:
        """Give a claim up after work that failed, so that the next one is the first again; tell whether there was one.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        key, _ = self._claim(scope, event_id, purpose, None)
        return await self._records.run(key, lambda: self._records.redis.delete(key)) == 1

    async def published_as(self, scope: Scope, event_id: str) -> str | None:
        """Return the entry id under which an event was published, as in its receipt; None if it was not, or long ago.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        asked = checked(_Event, event_id=event_id, purpose=DEFAULT_PURPOSE, seconds=self._dedup_seconds)
        key = keys.dedup(scope, asked.event_id)
        entry_id = cast("bytes | None", await self._records.run(key, lambda: self._records.redis.get(key)))
        return None if entry_id is None else entry_id.decode()

    def _claim(self, scope: Scope, event_id: str, purpose: str, seconds: float | None) -> tuple[str, int]:
        """Return the key of a claim and its expiry. No name holds a NUL, so no event's own key ever reads the same."""
        seconds = self._dedup_seconds if seconds is None else seconds
        asked = checked(_Event, event_id=event_id, purpose=purpose, seconds=seconds)
        return keys.dedup(scope, f"\x00{asked.purpose}\x00{asked.event_id}"), milliseconds(asked.seconds)
