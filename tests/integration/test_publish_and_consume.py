"""The main job on real servers, all roles in this process."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.roles import consume
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Receipt
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.waiting import wait_until


@pytest.fixture
async def all_roles(settings: Settings, tenant: UUID) -> AsyncIterator[None]:
    """Every role, until the test ends."""
    assert tenant
    stop = asyncio.Event()
    running = asyncio.create_task(consume(settings, list(Group), stop))
    yield
    stop.set()
    await running


@pytest.mark.usefixtures("all_roles")
async def test_a_published_message_is_in_the_window_at_once_and_recalled_soon(redis_url: str, tenant: UUID) -> None:
    """What goes in comes out: the window after the receipt, the turn by its meaning."""
    scope = scope_of(tenant)
    async with await Gateway.connect(redis_url) as gateway, await Orchestrator.connect(redis_url) as orchestrator:
        first = await gateway.publish(event_of(scope, "e1", "My cat is called Minka."))
        context = await orchestrator.recall(scope, "What is my pet's name?", after=first.entry_id, deadline=20)
        assert context.freshness.applied

        async def recalled() -> bool:
            context = await orchestrator.recall(scope, "What is my pet's name?", window=0, deadline=20)
            assert context.missing == ()
            return [turn.event_id for turn in context.turns] == ["e1"]

        await wait_until(recalled)


@pytest.mark.usefixtures("all_roles")
async def test_stopping_leaves_no_consumer_behind(redis: Redis, redis_url: str, tenant: UUID) -> None:
    """After an orderly stop nothing is pending and no consumer is registered."""
    async with await Gateway.connect(redis_url) as gateway:
        outcomes = await gateway.publish_many(event_of(scope_of(tenant), f"e{i}") for i in range(50))
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)

    async def done() -> bool:
        groups = await redis.xinfo_groups("eunoe:messages")
        return len(groups) == 2 and all(group["lag"] == 0 and group["pending"] == 0 for group in groups)

    await wait_until(done)
