"""The client of the thread records: one connection for all accessors."""

from dataclasses import dataclass, field
from typing import Self

from pydantic import BaseModel
from redis.asyncio import Redis

from eunoe_producers.connection import Client, open_redis, wait_until_reachable
from eunoe_producers.publish_script import PublishLimits
from eunoe_producers.threads.engaged import EngagedThreads
from eunoe_producers.threads.escalation import Escalations
from eunoe_producers.threads.once import Once
from eunoe_producers.threads.rate_limiter import RateLimiter
from eunoe_producers.threads.records import Records, Seconds
from eunoe_producers.threads.session_state import SessionStates
from eunoe_producers.threads.tool_confirmation import ToolConfirmations
from eunoe_schema.redaction import mask_passwords
from eunoe_schema.validation import checked


@dataclass(frozen=True)
class ThreadOptions:
    """How thread records are kept.

    Attributes:
        limits: The limits of the token buckets, and how long a claim is kept. Give the gateway the same limits.
        settled_seconds: How long a resolved escalation and an answered tool confirmation are kept.
        retry_seconds: How long to retry while Redis does not answer.
    """

    limits: PublishLimits = field(default_factory=PublishLimits)
    settled_seconds: float = 24 * 3600.0
    retry_seconds: float = 30.0


class _Settled(BaseModel):
    settled_seconds: Seconds


class ThreadState(Client):
    """The records that a gateway and an orchestrator keep for a thread; any number of calls may run at the same time.

    Example:
        ```python
        async with await ThreadState.connect("redis://localhost:6379/0") as threads:
            if await threads.engaged.is_engaged(tenant_id, thread_id):
                state, version = await threads.sessions.load(tenant_id, thread_id)
        ```

    Attributes:
        rate_limiter: Token buckets of channels.
        once: Claims of events, and entry ids of published events.
        sessions: States that the orchestrator saves.
        engaged: Threads in which the agent takes part.
        escalations: Threads that are handed to a human or another agent.
        tool_confirmations: Tool calls that the user must confirm.
    """

    def __init__(self, redis: Redis, *, place: str, options: ThreadOptions | None = None) -> None:
        options = options or ThreadOptions()
        settled = checked(_Settled, settled_seconds=options.settled_seconds).settled_seconds
        self._redis = redis
        records = Records(redis, place=place, retry_seconds=options.retry_seconds)
        self.rate_limiter = RateLimiter(records, options.limits)
        self.once = Once(records, dedup_seconds=options.limits.dedup_seconds)
        self.sessions = SessionStates(records)
        self.engaged = EngagedThreads(records)
        self.escalations = Escalations(records, settled_seconds=settled)
        self.tool_confirmations = ToolConfirmations(records, settled_seconds=settled)

    @classmethod
    async def connect(cls, url: str, options: ThreadOptions | None = None) -> Self:
        """Connect to Redis.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            options: How to keep thread records.

        Raises:
            InvalidEvent: If an option is out of bounds.
            RedisUnavailable: If the URL is wrong, or Redis did not answer for `retry_seconds`.
        """
        options = options or ThreadOptions()
        redis, place = open_redis(url), mask_passwords(url)
        threads = cls(redis, place=place, options=options)
        await wait_until_reachable(redis, seconds=options.retry_seconds, place=place)
        return threads

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
