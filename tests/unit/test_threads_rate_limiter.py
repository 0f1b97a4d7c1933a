"""Token buckets, on a Redis in memory whose clock stands still until a test moves it."""

import math
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers import Gateway, GatewayOptions, PublishLimits, RateLimited
from eunoe_producers.threads import Allowed, RateLimiter, ThreadOptions, ThreadState, TokensRefused
from eunoe_schema import InvalidEvent, Receipt, keys
from eunoe_tests.events import event_of, scope_of

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")


class Clock:
    """The clock of Redis."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
def redis(clock: Clock) -> FakeAsyncRedis:
    """A Redis in memory, on that clock."""
    assert clock
    return FakeAsyncRedis(server=FakeServer())


Open = Callable[[float, int], RateLimiter]


@pytest.fixture
def limited(redis: FakeAsyncRedis) -> Open:
    """A limiter of a rate and a burst."""

    def open_limiter(rate: float, burst: int) -> RateLimiter:
        limits = PublishLimits(rate_per_second=rate, rate_burst=burst)
        return ThreadState(redis, place="test", options=ThreadOptions(limits=limits)).rate_limiter

    return open_limiter


async def test_a_bucket_gives_its_burst_then_its_rate(limited: Open, clock: Clock) -> None:
    """A refusal says after how many seconds the tokens are there."""
    limiter = limited(2, 3)
    assert [await limiter.acquire(TENANT, "slack") for _ in range(4)] == [
        Allowed(2),
        Allowed(1),
        Allowed(0),
        TokensRefused(retry_after_seconds=0.5, tokens_left=0),
    ]
    clock.now += 0.499
    assert isinstance(await limiter.acquire(TENANT, "slack"), TokensRefused)
    clock.now += 0.001
    assert await limiter.acquire(TENANT, "slack") == Allowed(0)
    clock.now += 3600
    assert await limiter.acquire(TENANT, "slack", 3) == Allowed(0)


async def test_a_bucket_never_holds_more_than_its_burst(limited: Open, clock: Clock) -> None:
    """A long pause fills the bucket only up to its burst."""
    limiter = limited(2, 3)
    assert await limiter.acquire(TENANT, "slack", 3) == Allowed(0)
    clock.now += 2.25
    assert await limiter.acquire(TENANT, "slack", 3) == Allowed(0)


async def test_tokens_are_taken_all_or_none(limited: Open, clock: Clock) -> None:
    """A request for too many tokens takes none."""
    limiter = limited(4, 10)
    assert await limiter.acquire(TENANT, "llm", 8) == Allowed(2)
    assert await limiter.acquire(TENANT, "llm", 5) == TokensRefused(retry_after_seconds=0.75, tokens_left=2)
    assert await limiter.acquire(TENANT, "llm", 2) == Allowed(0)
    clock.now += 1.25
    assert await limiter.acquire(TENANT, "llm", 5) == Allowed(0)


async def test_publishing_takes_from_the_same_bucket(limited: Open, redis: FakeAsyncRedis) -> None:
    """Tokens that one takes are missing for the other."""
    await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT))
    limits = PublishLimits(rate_per_second=1, rate_burst=3)
    gateway, limiter = Gateway(redis, place="test", options=GatewayOptions(limits=limits)), limited(1, 3)
    scope = scope_of(TENANT)
    assert isinstance(await gateway.publish(event_of(scope, "e1", channel="slack")), Receipt)
    assert await limiter.acquire(TENANT, "slack") == Allowed(1)
    assert isinstance(await gateway.publish(event_of(scope, "e2", channel="slack")), Receipt)
    assert await limiter.acquire(TENANT, "slack") == TokensRefused(retry_after_seconds=1, tokens_left=0)
    with pytest.raises(RateLimited):
        await gateway.publish(event_of(scope, "e3", channel="slack"))


async def test_each_tenant_and_channel_has_its_own_bucket(limited: Open) -> None:
    """A flood on one channel takes no tokens of another."""
    limiter = limited(1, 1)
    assert await limiter.acquire(TENANT, "a") == Allowed(0)
    assert isinstance(await limiter.acquire(TENANT, "a"), TokensRefused)
    assert await limiter.acquire(TENANT, "b") == Allowed(0)
    assert await limiter.acquire(OTHER_TENANT, "a") == Allowed(0)


async def test_a_clock_that_is_set_back_gives_no_extra_tokens(limited: Open, clock: Clock) -> None:
    """The same second refills a bucket once."""
    limiter = limited(1, 2)
    assert await limiter.acquire(TENANT, "slack", 2) == Allowed(0)
    clock.now -= 10
    assert await limiter.acquire(TENANT, "slack") == TokensRefused(retry_after_seconds=1, tokens_left=0)
    clock.now += 10
    assert await limiter.acquire(TENANT, "slack") == TokensRefused(retry_after_seconds=1, tokens_left=0)


async def test_without_a_rate_there_is_no_limit(limited: Open, redis: FakeAsyncRedis) -> None:
    """Rate 0 means no limit, as for publishing, and leaves no key."""
    limiter = limited(0, 1)
    assert [await limiter.acquire(TENANT, "slack", 100) for _ in range(3)] == [Allowed(math.inf)] * 3
    assert await redis.keys() == []


async def test_a_full_bucket_expires(limited: Open, redis: FakeAsyncRedis) -> None:
    """Idle channels cost no memory."""
    await limited(2, 3).acquire(TENANT, "slack")
    assert await redis.pttl(keys.rate_limit(TENANT, "slack")) == 3 * 1000 / 2 + 1000


@pytest.mark.parametrize("tokens", [0, -1, 4])
async def test_impossible_numbers_of_tokens_are_refused(limited: Open, redis: FakeAsyncRedis, tokens: int) -> None:
    """More tokens than a full bucket, or fewer than one, are an error at once."""
    with pytest.raises(InvalidEvent, match="tokens"):
        await limited(1, 3).acquire(TENANT, "slack", tokens)
    assert await redis.keys() == []


@pytest.mark.parametrize(("rate", "burst"), [(-1, 1), (math.nan, 1), (math.inf, 1), (1, 0)])
def test_impossible_limits_are_refused(limited: Open, rate: float, burst: int) -> None:
    """The error comes when the limit is set."""
    with pytest.raises(InvalidEvent, match="rate_"):
        limited(rate, burst)
