"""One entry to everything that is kept for a thread."""

from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from pydantic import BaseModel
from redis.asyncio import Redis

from eunoe_producers.connection import open_redis, outlast
from eunoe_producers.publish_script import PublishLimits
from eunoe_producers.threads.engaged import EngagedThreads
from eunoe_producers.threads.escalation import Escalations
from eunoe_producers.threads.expiry import Seconds
from eunoe_producers.threads.once import Once
from eunoe_producers.threads.rate_limiter import RateLimiter
from eunoe_producers.threads.records import Records
from eunoe_producers.threads.session_state import SessionStates
from eunoe_producers.threads.tool_confirmation import ToolConfirmations
from eunoe_schema.errors import EunoeError
from eunoe_schema.redaction import mask_passwords
from eunoe_schema.validation import checked


@dataclass(frozen=True)
class ThreadOptions:
    """How threads are kept.

    Attributes:
        limits: Rate and burst of the token buckets, and how long a claim is remembered; give the gateway the same.
        settled_seconds: How long a resolved escalation and an answered tool call are remembered.
        retry_seconds: For how long to outlast an outage of Redis.
    """

    limits: PublishLimits = field(default_factory=PublishLimits)
    settled_seconds: float = 24 * 3600.0
    retry_seconds: float = 30.0


class _Settled(BaseModel):
    settled_seconds: Seconds


class ThreadState:
    """What a gateway and an orchestrator keep for a thread; safe for any number of concurrent calls.

    Example:
        ```python
        async with await ThreadState.connect("redis://localhost:6379/0") as threads:
            if await threads.engaged.is_engaged(tenant_id, thread_id):
                state, version = await threads.sessions.load(tenant_id, thread_id)
        ```

    Attributes:
        rate_limiter: Token buckets of channels.
        once: Claims of events, and the entries that they were published under.
        sessions: The orchestrator's state of each thread.
        engaged: Threads in which the agent takes part.
        escalations: Threads handed to a human or to another agent.
        tool_confirmations: Tool calls that await the user's yes.
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
        """Connect to Redis, outlasting an outage.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            options: How to keep threads.

        Raises:
            InvalidEvent: If an option is out of bounds.
            RedisUnavailable: If the URL is wrong, or Redis does not answer.
        """
        options = options or ThreadOptions()
        redis = open_redis(url)
        try:
            threads = cls(redis, place=mask_passwords(url), options=options)
            await outlast(partial(redis.echo, "eunoe"), seconds=options.retry_seconds, place=mask_passwords(url))
        except EunoeError:
            await redis.aclose()
            raise
        return threads

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
