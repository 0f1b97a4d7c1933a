"""Claims of events, on a Redis in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers import Gateway, GatewayOptions
from eunoe_producers.threads import Once, ThreadState
from eunoe_schema import keys
from eunoe_tests.events import OTHER_AGENT, event_of, scope_of

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
ADA = scope_of(TENANT)


@pytest.fixture
async def redis() -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory that knows the tenant."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT))
        yield redis


@pytest.fixture
def once(redis: FakeAsyncRedis) -> Once:
    """Claims with the default options."""
    return ThreadState(redis, place="test").once


@pytest.fixture
def gateway(redis: FakeAsyncRedis) -> Gateway:
    """A gateway on the same Redis."""
    return Gateway(redis, place="test", options=GatewayOptions())


async def claims(redis: FakeAsyncRedis) -> list[str]:
    """Return the keys of the dedup family."""
    return [key.decode() for key in cast("list[bytes]", await redis.keys(f"{TENANT}:dedup:*"))]


async def test_an_event_is_claimed_once(once: Once) -> None:
    """Of concurrent claims, one wins."""
    won = await asyncio.gather(*(once.first_time(ADA, "e1") for _ in range(10)))
    assert sorted(won) == [False] * 9 + [True]


async def test_claims_differ_by_scope_event_and_purpose(once: Once) -> None:
    """Another tenant, agent, user, event or purpose has its own claim."""
    scopes = [ADA, scope_of(TENANT, "bob"), scope_of(TENANT, agent=OTHER_AGENT), scope_of(OTHER_TENANT)]
    for scope in scopes:
        for event_id in ("e1", "e2"):
            for purpose in ("handle", "bill"):
                assert await once.first_time(scope, event_id, purpose=purpose)
                assert not await once.first_time(scope, event_id, purpose=purpose)


async def test_a_released_claim_can_be_claimed_again(once: Once) -> None:
    """After failed work, another caller may try."""
    assert not await once.release(ADA, "e1")
    assert await once.first_time(ADA, "e1")
    assert not await once.release(ADA, "e1", purpose="bill")
    assert await once.release(ADA, "e1")
    assert await once.first_time(ADA, "e1")


async def test_claims_expire(once: Once, redis: FakeAsyncRedis) -> None:
    """The default is a day. A later claim that loses does not extend the first."""
    await once.first_time(ADA, "e1")
    (claim,) = await claims(redis)
    assert 24 * 3600 - 60 < await redis.ttl(claim) <= 24 * 3600
    await redis.delete(claim)
    await once.first_time(ADA, "e1", seconds=100)
    await once.first_time(ADA, "e1", seconds=1000)
    assert 0 < await redis.pttl(claim) <= 100_000


async def test_the_entry_id_of_a_published_event_is_found(once: Once, gateway: Gateway) -> None:
    """It is known until `dedup_seconds` are over."""
    receipt = await gateway.publish(event_of(ADA, "e1"))
    assert await once.published_as(ADA, "e1") == receipt.entry_id
    assert await once.published_as(ADA, "e2") is None
    assert await once.published_as(scope_of(TENANT, "bob"), "e1") is None


async def test_claims_and_publications_do_not_affect_each_other(once: Once, gateway: Gateway) -> None:
    """A claimed event can be published, and a published event can be claimed."""
    assert await once.first_time(ADA, "e1")
    assert await once.published_as(ADA, "e1") is None
    first = await gateway.publish(event_of(ADA, "e1"))
    assert not first.duplicate
    assert not await once.first_time(ADA, "e1")
    assert await once.release(ADA, "e1")
    assert await gateway.publish(event_of(ADA, "e1")) == first.model_copy(update={"duplicate": True})
    assert await once.first_time(ADA, "e1")


async def test_the_key_of_a_claim_begins_with_tenant_agent_and_user(once: Once, redis: FakeAsyncRedis) -> None:
    """Erasing a user by this prefix erases the claims, too."""
    await once.first_time(ADA, "e1", purpose="bill")
    (claim,) = await claims(redis)
    assert claim.startswith(keys.dedup(ADA, ""))
