"""Engaged threads, on a Redis in memory."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers.threads import EngagedThreads, ThreadState
from eunoe_schema import keys

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
KEY = keys.engaged(TENANT, "t")


@pytest.fixture
async def redis() -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        yield redis


@pytest.fixture
def engaged(redis: FakeAsyncRedis) -> EngagedThreads:
    """The accessor."""
    return ThreadState(redis, place="test").engaged


async def test_a_thread_is_engaged_until_it_is_left(engaged: EngagedThreads) -> None:
    """After a mention, the agent takes part in that thread of that tenant until it leaves."""
    assert not await engaged.is_engaged(TENANT, "t")
    await engaged.engage(TENANT, "t")
    await engaged.engage(TENANT, "t")
    assert await engaged.is_engaged(TENANT, "t")
    assert not await engaged.is_engaged(TENANT, "u")
    assert not await engaged.is_engaged(OTHER_TENANT, "t")
    assert await engaged.disengage(TENANT, "t")
    assert not await engaged.is_engaged(TENANT, "t")
    assert not await engaged.disengage(TENANT, "t")


async def test_the_last_mention_sets_the_expiry(engaged: EngagedThreads, redis: FakeAsyncRedis) -> None:
    """Without an expiry, a thread stays engaged."""
    await engaged.engage(TENANT, "t")
    assert await redis.pttl(KEY) == -1
    await engaged.engage(TENANT, "t", expires_after_seconds=0.0001)
    await engaged.engage(TENANT, "t", expires_after_seconds=100)
    assert 90_000 < await redis.pttl(KEY) <= 100_000
