"""Consumers are killed with entries in flight: no event is lost, and none is applied twice."""

from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_producers import Gateway
from eunoe_schema import Receipt, Scope
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Cli, Clis
from eunoe_tests.stores import consumed, dead, pending, stored_events, window_events
from eunoe_tests.waiting import wait_until

_USERS = 7
_KILLS = 3


async def _publish(redis_url: str, tenant: UUID, count: int) -> dict[Scope, list[str]]:
    """Publish `count` events for several users; return the event ids of each scope in order."""
    scopes = [scope_of(tenant, f"user-{number}") for number in range(_USERS)]
    events = [event_of(scopes[i % _USERS], f"e{i}", f"Message number {i} about topic {i % 11}.") for i in range(count)]
    async with await Gateway.connect(redis_url) as gateway:
        outcomes = await gateway.publish_many(events)
    assert all(isinstance(outcome, Receipt) and not outcome.duplicate for outcome in outcomes)
    return {scope: [event.event_id for event in events if event.scope == scope] for scope in scopes}


async def _kill_in_flight(redis: Redis, cli: Cli, group: Group) -> bool:
    """Kill a consumer as soon as it has entries in flight; return whether some stayed pending."""

    async def in_flight() -> bool:
        return await pending(redis, group) > 0 or await consumed(redis, group)

    await wait_until(in_flight, what=f"entries in flight of {group}")
    cli.kill()
    return await pending(redis, group) > 0


@pytest.mark.parametrize("group", [Group.EMBED, Group.WINDOW])
async def test_kill_9_with_entries_in_flight_applies_each_event_once(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID, group: Group
) -> None:
    """After three kills during work, each event is applied exactly once and in order. There is no dead letter."""
    expected = await _publish(redis_url, tenant, 700)
    died_with_entries = 0
    for _ in range(_KILLS):
        # Small batches: with one large batch the kill would come before or after all of the work.
        cli = clis.start("consume", group, batch_entries=20, embed_batch_tokens=256)
        died_with_entries += await _kill_in_flight(redis, cli, group)
    assert died_with_entries > 0, "no kill hit a consumer with entries in flight"
    assert not await consumed(redis, group), (
        "the group had finished before the last kill, so this test has shown nothing"
    )

    survivor = await clis.consume(group)
    await wait_until(lambda: consumed(redis, group), what=f"{group} to finish")
    assert await dead(redis, group) == {}
    for scope, events in expected.items():
        if group is Group.EMBED:
            assert await stored_events(database_url, scope) == events
        else:
            assert await window_events(redis, scope) == events[-20:]
    assert survivor.stop() == 0


async def test_events_published_before_the_first_consumer_are_applied(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """A gateway may start long before any consumer."""
    expected = await _publish(redis_url, tenant, 30)
    await clis.consume("window", "embed")
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    for scope, events in expected.items():
        assert await stored_events(database_url, scope) == events
        assert await window_events(redis, scope) == events


async def test_windows_keep_stream_order_when_one_of_two_consumers_is_killed(
    clis: Clis, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """Two consumers share the group: each window holds the last messages in stream order."""
    consumers = [clis.start("consume", "window", batch_entries=3) for _ in range(2)]
    for consumer in consumers:
        await consumer.wait_for("consuming")
    expected = await _publish(redis_url, tenant, 1500)
    await _kill_in_flight(redis, consumers[0], Group.WINDOW)
    await wait_until(lambda: consumed(redis, Group.WINDOW), what="the window group to finish")
    for scope, events in expected.items():
        assert await window_events(redis, scope) == events[-20:]
