"""Publish, store and recall on real servers, with all roles in this process."""

from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Receipt
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, consumers
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow


async def test_a_published_message_is_in_the_window_at_once_and_recalled_soon(
    settings: Settings, redis_url: str, tenant: UUID
) -> None:
    """The window holds it after the receipt, and a recall finds the turn by its meaning."""
    scope = scope_of(tenant)
    async with (
        consuming(settings, *Group),
        await Gateway.connect(redis_url) as gateway,
        await Orchestrator.connect(redis_url) as orchestrator,
    ):
        first = await gateway.publish(event_of(scope, "e1", "My cat is called Minka."))
        context = await orchestrator.recall(scope, "What is my pet's name?", after=first.entry_id, deadline=20)
        assert context.freshness.applied

        async def recalled() -> bool:
            context = await orchestrator.recall(scope, "What is my pet's name?", window=0, deadline=20)
            assert context.missing == ()
            return [turn.event_id for turn in context.turns] == ["e1"]

        await wait_until(recalled)


async def test_stopping_leaves_nothing_pending_and_no_consumer(
    settings: Settings, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """After an orderly stop every event is processed, and no group has a consumer."""
    async with consuming(settings, *Group), await Gateway.connect(redis_url) as gateway:
        outcomes = await gateway.publish_many(event_of(scope_of(tenant), f"e{i}") for i in range(50))
        assert all(isinstance(outcome, Receipt) for outcome in outcomes)
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        assert all([await consumers(redis, group) for group in Group])
    assert [await consumers(redis, group) for group in Group] == [[]] * len(Group)
    assert await consumed(redis, Group.WINDOW, Group.EMBED)
