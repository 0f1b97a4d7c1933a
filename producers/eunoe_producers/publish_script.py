"""The Lua script that publishes events, as a typed function."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from redis.asyncio import Redis

from eunoe_schema import keys
from eunoe_schema.codec import encode
from eunoe_schema.event_ids import fingerprint_of
from eunoe_schema.events import MessageEvent
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Subject, stream

Status = Literal["ok", "duplicate", "conflict", "unknown_tenant", "no_registry", "rate_limited", "backlog"]
DEFAULT_CHANNEL = "default"


@dataclass(frozen=True)
class PublishLimits:
    """The limits that the script checks for each event.

    Attributes:
        backlog_entries: The largest number of entries that may wait in the slowest consumer group; 0 for no bound.
        dedup_seconds: How long a published event id is remembered.
        rate_per_second: The tokens that each channel of a tenant gets per second; 0 for no limit.
        rate_burst: The tokens in a full bucket.
        session_idle_seconds: A message after a longer pause begins a new derived session.
    """

    backlog_entries: int = 100_000
    dedup_seconds: int = 24 * 3600
    rate_per_second: float = 0.0
    rate_burst: int = 100
    session_idle_seconds: int = 1800


class PublishScript:
    """Appends each event at most once, after checks that only a script in Redis can make atomically."""

    def __init__(self, redis: Redis, limits: PublishLimits) -> None:
        self._script = register_lua(redis, "eunoe_producers", "publish")
        self._head = (
            limits.backlog_entries,
            limits.dedup_seconds,
            limits.rate_per_second,
            limits.rate_burst,
            limits.session_idle_seconds,
            keys.REGISTRY_MARK,
        )

    async def __call__(self, events: Sequence[MessageEvent]) -> list[tuple[Status, str]]:
        """Run the script, and return a status and a value for each event, in their order."""
        names: list[str] = [stream(Subject.MESSAGES), keys.TENANTS]
        args: list[str | bytes | int | float] = list(self._head)
        for event in events:
            thread = event.thread_id or ""
            names += (
                keys.dedup(event.scope, event.event_id),
                keys.rate_limit(event.tenant_id, event.channel or DEFAULT_CHANNEL),
                keys.current_session(event.scope, thread),
            )
            args += (
                str(event.tenant_id),
                encode(event),
                fingerprint_of(event),
                "" if event.session_id else f"{thread or 'session'}:",
                int(event.occurred_at.timestamp() * 1000) if event.occurred_at else "",
            )
        replies = cast("list[list[bytes]]", await self._script(keys=names, args=args))
        return [(cast("Status", status.decode()), value.decode()) for status, value in replies]
