"""Token buckets, the ones that publishing takes its tokens from."""

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
        tokens_left: Tokens that the bucket still holds; infinite without a limit.
    """

    tokens_left: float


@dataclass(frozen=True)
class TokensRefused:
    """No token was taken.

    Attributes:
        retry_after_seconds: When the bucket holds as many as were asked for, if nobody else takes any.
        tokens_left: Tokens that the bucket holds.
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
    """Takes tokens from the bucket of a tenant's channel, exactly, whoever else takes some at the same time.

    It is the bucket that `Gateway.publish` takes one token of for each new event, so give both the same limits. A
    channel of which nothing is published (`llm`, say) is a limit of your own.
    """

    def __init__(self, records: Records, limits: PublishLimits) -> None:
        self._records = records
        self._limits = checked(_Limits, rate_per_second=limits.rate_per_second, rate_burst=limits.rate_burst)
        self._acquire = records.script("acquire_tokens")

    async def acquire(self, tenant_id: UUID, channel: str, tokens: int = 1) -> Allowed | TokensRefused:
        """Take tokens, all or none, by the clock of Redis.

        An outage may hide an answer; asking again then takes the tokens once more, and never lets more through.

        Args:
            tenant_id: The tenant.
            channel: The channel, 1..256 characters.
            tokens: How many, 1 up to `rate_burst`.

        Raises:
            InvalidEvent: If an argument breaks the contract, or a full bucket holds fewer tokens.
            UnreadableRecord: If the key holds no bucket.
            RedisUnavailable: If Redis stayed away.
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
