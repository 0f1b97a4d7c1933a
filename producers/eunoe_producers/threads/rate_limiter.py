"""Token buckets. `Gateway.publish` takes its tokens from the same buckets."""

import math
from dataclasses import dataclass
from typing import Annotated, cast
from uuid import UUID

from pydantic import BaseModel, Field

from eunoe_producers.publish_script import PublishLimits
from eunoe_producers.threads.records import Records
from eunoe_schema import keys
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.text import Name
from eunoe_schema.validation import checked


@dataclass(frozen=True)
class Allowed:
    """The tokens were taken.

    Attributes:
        tokens_left: The tokens left in the bucket; infinite if there is no limit.
    """

    tokens_left: float


@dataclass(frozen=True)
class TokensRefused:
    """No token was taken.

    Attributes:
        retry_after_seconds: When the bucket will contain enough tokens, if nobody else takes any.
        tokens_left: The tokens in the bucket.
    """

    retry_after_seconds: float
    tokens_left: float


class _Limits(BaseModel):
    rate_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rate_burst: Annotated[int, Field(ge=1)]


class _Acquire(BaseModel):
    tenant_id: UUID
    channel: Name
    tokens: Annotated[int, Field(ge=1)]


class RateLimiter:
    """Takes tokens from the bucket of a tenant's channel. Concurrent callers never take more than the bucket contains.

    `Gateway.publish` takes one token for each new event, so give both the same limits. For a limit of your own, use a
    channel name under which nothing is published, such as `llm`.
    """

    def __init__(self, records: Records, limits: PublishLimits) -> None:
        self._records = records
        self._limits = checked(_Limits, rate_per_second=limits.rate_per_second, rate_burst=limits.rate_burst)
        self._acquire = records.script("acquire_tokens")

    async def acquire(self, tenant_id: UUID, channel: str, tokens: int = 1) -> Allowed | TokensRefused:
        """Take all of the tokens or none, by the clock of Redis.

        After an outage that hid the answer, the tokens may be taken twice. So the limit is never exceeded.

        Args:
            tenant_id: The tenant.
            channel: The channel, 1..256 characters.
            tokens: The number of tokens, from 1 to `rate_burst`.

        Raises:
            InvalidEvent: If an argument breaks the contract, or `tokens` is larger than `rate_burst`.
            UnreadableRecord: If the value in Redis is not a bucket.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        rate, burst = self._limits.rate_per_second, self._limits.rate_burst
        asked = checked(_Acquire, tenant_id=tenant_id, channel=channel, tokens=tokens)
        if not rate:
            return Allowed(math.inf)
        if asked.tokens > burst:
            raise InvalidEvent(f"tokens: a full bucket holds {burst} (got {tokens}): take fewer, or raise rate_burst")
        key = keys.rate_limit(asked.tenant_id, asked.channel)
        reply = await self._records.run(key, lambda: self._acquire([key], [rate, burst, asked.tokens]))
        wait_ms, left = map(float, cast("list[bytes]", reply))
        return TokensRefused(wait_ms / 1000, left) if wait_ms else Allowed(left)
