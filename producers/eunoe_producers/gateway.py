"""The client of a gateway: publishes message events."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from pydantic import ValidationError
from redis.asyncio import Redis

from eunoe_producers.connection import Client, open_redis, retry, wait_until_reachable
from eunoe_producers.errors import BacklogFull, PublishError, RateLimited, TenantRegistryMissing, UnknownTenant
from eunoe_producers.publish_script import DEFAULT_CHANNEL, PublishLimits, PublishScript, Status
from eunoe_schema.codec import oversized
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.events import DEFAULT_CONTENT_CHARS, MessageEvent, Receipt
from eunoe_schema.redaction import mask_passwords
from eunoe_schema.validation import describe

# One script call with 100 events is about as fast as a pipeline of 100. A longer call would block Redis for others.
_EVENTS_PER_CALL = 100
# Consumers process hundreds of entries a second, so a shorter wait would only add load.
_BACKLOG_RETRY_SECONDS = 1.0
_WAIT_SECONDS = 0.25
# Consumers refill a lost registry within seconds. After a longer wait, no consumer is running.
_REGISTRY_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class GatewayOptions:
    """How a gateway publishes.

    Attributes:
        limits: The limits that Redis checks for each event.
        max_content_chars: The longest content. Give the consumers the same value (EUNOE_MAX_CONTENT_CHARS).
        retry_seconds: How long to retry while Redis does not answer.
    """

    limits: PublishLimits = field(default_factory=PublishLimits)
    max_content_chars: int = DEFAULT_CONTENT_CHARS
    retry_seconds: float = 30.0


class Gateway(Client):
    """Publishes message events; any number of calls may run at the same time.

    Example:
        ```python
        async with await Gateway.connect("redis://localhost:6379/0") as gateway:
            receipt = await gateway.publish(event)
        ```
    """

    def __init__(self, redis: Redis, *, place: str, options: GatewayOptions) -> None:
        self._redis = redis
        self._place = place
        self._options = options
        self._script = PublishScript(redis, options.limits)

    @classmethod
    async def connect(cls, url: str, options: GatewayOptions | None = None) -> Self:
        """Connect to Redis.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            options: How to publish.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis did not answer for `retry_seconds`.
        """
        options = options or GatewayOptions()
        redis, place = open_redis(url), mask_passwords(url)
        await wait_until_reachable(redis, seconds=options.retry_seconds, place=place)
        return cls(redis, place=place, options=options)

    async def publish(self, event: MessageEvent | Mapping[str, object]) -> Receipt:
        """Publish one event. Repeated calls with the same event publish it once.

        Args:
            event: The event, or its fields.

        Returns:
            The receipt. Its `duplicate` is true if the event was published before. Its `conflict` is true if another
            message was published under this event id: nothing was added, and the message needs an id of its own.

        Raises:
            InvalidEvent: If the event breaks the contract.
            UnknownTenant: If the tenant is not registered.
            BacklogFull: If the consumers are too far behind. Try again after `retry_after_seconds`.
            RateLimited: If the channel is over its rate limit. Try again after `retry_after_seconds`.
            PublishError: If Redis has no list of tenants.
            RedisUnavailable: If Redis did not answer for `retry_seconds`.
            RedisRefused: If Redis refused to append the event. For example, its memory is full.
        """
        (outcome,) = await self.publish_many([event])
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    async def publish_many(
        self, events: Iterable[MessageEvent | Mapping[str, object]], *, wait_when_full: bool = False
    ) -> list[Receipt | EunoeError]:
        """Publish events in their order, in few round trips.

        Args:
            events: The events, or their fields.
            wait_when_full: Wait while the backlog is full instead of returning BacklogFull.

        Returns:
            The receipt of each event, or the error that `publish` would have raised for it. After BacklogFull or
            RateLimited, the following blocks of 100 events are not tried and get the same error.

        Raises:
            RedisUnavailable: If Redis did not answer for `retry_seconds`. Some events may be published. It is safe to
                publish all of them again.
        """
        checked = [self._check(event) for event in events]
        valid = [(index, event) for index, event in enumerate(checked) if isinstance(event, MessageEvent)]
        outcomes: list[Receipt | EunoeError | MessageEvent] = list(checked)
        refused: BacklogFull | RateLimited | None = None
        for start in range(0, len(valid), _EVENTS_PER_CALL):
            part = valid[start : start + _EVENTS_PER_CALL]
            if refused is not None:
                # The caller publishes refused events again. Later events must not overtake them.
                for index, _ in part:
                    outcomes[index] = refused
                continue
            published = await self._publish_part([event for _, event in part], wait_when_full=wait_when_full)
            for (index, _), outcome in zip(part, published, strict=True):
                outcomes[index] = outcome
            refused = next((found for found in published if isinstance(found, BacklogFull | RateLimited)), None)
        return [outcome for outcome in outcomes if not isinstance(outcome, MessageEvent)]

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _check(self, event: MessageEvent | Mapping[str, object]) -> MessageEvent | InvalidEvent:
        if not isinstance(event, MessageEvent):
            try:
                event = MessageEvent.model_validate(event)
            except ValidationError as error:
                return InvalidEvent(describe(error))
        reason = oversized(event, max_content_chars=self._options.max_content_chars)
        return InvalidEvent(reason) if reason else event

    async def _publish_part(
        self, events: Sequence[MessageEvent], *, wait_when_full: bool
    ) -> list[Receipt | EunoeError]:
        """Publish at most `_EVENTS_PER_CALL` events; repeat the call for events that only have to wait."""
        outcomes: list[Receipt | EunoeError] = []
        registry_deadline = time.monotonic() + _REGISTRY_WAIT_SECONDS
        while True:
            # A full backlog refuses all further events of a call, so the published events are the first ones.
            left = events[len(outcomes) :]
            replies = await retry(partial(self._script, left), seconds=self._options.retry_seconds, place=self._place)
            for event, (status, value) in zip(left, replies, strict=True):
                if wait_when_full and status == "backlog":
                    break
                if status == "no_registry" and time.monotonic() < registry_deadline:
                    break
                outcomes.append(_outcome(event, status, value))
            if len(outcomes) == len(events):
                return outcomes
            await asyncio.sleep(_WAIT_SECONDS)


def _outcome(event: MessageEvent, status: Status, value: str) -> Receipt | PublishError:
    """Return the receipt or the error that the script's answer stands for."""
    match status:
        case "ok" | "duplicate" | "conflict":
            return Receipt(
                entry_id=value,
                event_id=event.event_id,
                duplicate=status == "duplicate",
                conflict=status == "conflict",
            )
        case "unknown_tenant":
            return UnknownTenant(event.tenant_id)
        case "rate_limited":
            return RateLimited(event.channel or DEFAULT_CHANNEL, int(value) / 1000)
        case "backlog":
            return BacklogFull(int(value), _BACKLOG_RETRY_SECONDS)
        case "no_registry":
            return TenantRegistryMissing()
