"""Work that must happen once per event: claims, and the lookup of published events."""

from typing import cast
from uuid import uuid4

from pydantic import BaseModel

from eunoe_producers.threads.records import Records, Seconds, milliseconds
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
    """Claims events, so that an event that the channel delivers twice is handled once.

    Publishing needs no claim, because `Gateway.publish` recognises a repeated event by itself. Claims are for other
    work, such as answering or billing. Each purpose has its own claims. Claims do not affect publications.
    """

    def __init__(self, records: Records, *, dedup_seconds: float) -> None:
        self._records = records
        self._dedup_seconds = dedup_seconds

    async def first_time(
        self, scope: Scope, event_id: str, *, purpose: str = DEFAULT_PURPOSE, seconds: float | None = None
    ) -> bool:
        """Claim an event, and return whether this is the first claim. Of concurrent calls, exactly one is the first.

        Args:
            scope: The scope of the event, because channels number messages per chat.
            event_id: The id of the message in the channel, 1..256 characters.
            purpose: The name of the work.
            seconds: How long the claim is kept; None for `ThreadOptions.limits.dedup_seconds` (24 hours).

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        key, expires_ms = self._claim(scope, event_id, purpose, seconds)
        # When an outage hides the answer, the command is repeated. The token then shows that the claim is our own.
        token = uuid4().hex
        before = await self._records.run(
            key, lambda: self._records.redis.set(key, token, nx=True, get=True, px=expires_ms)
        )
        return cast("bytes | None", before) in {None, token.encode()}

    async def release(self, scope: Scope, event_id: str, *, purpose: str = DEFAULT_PURPOSE) -> bool:
        """Give up a claim after the work failed, so that the next claim is the first again.

        Returns whether there was a claim. Raises the errors of `first_time`.
        """
        key, _ = self._claim(scope, event_id, purpose, None)
        return await self._records.delete(key)

    async def published_as(self, scope: Scope, event_id: str) -> str | None:
        """Return the entry id of a published event; None if it was not published within `dedup_seconds`.

        Raises the errors of `first_time`.
        """
        event = checked(_Event, event_id=event_id, purpose=DEFAULT_PURPOSE, seconds=self._dedup_seconds)
        key = keys.dedup(scope, event.event_id)
        published = cast("bytes | None", await self._records.run(key, lambda: self._records.redis.get(key)))
        return None if published is None else published.decode().split(" ")[0]

    def _claim(self, scope: Scope, event_id: str, purpose: str, seconds: float | None) -> tuple[str, int]:
        """Return the key of a claim and its expiry in milliseconds.

        No event id contains a NUL character, so the key of a claim never equals the key of a publication.
        """
        seconds = self._dedup_seconds if seconds is None else seconds
        event = checked(_Event, event_id=event_id, purpose=purpose, seconds=seconds)
        return keys.dedup(scope, f"\x00{event.purpose}\x00{event.event_id}"), milliseconds(event.seconds)
