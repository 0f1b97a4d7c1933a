"""The public clients never return data of another scope."""

from uuid import UUID

from redis.asyncio import Redis

from eunoe_producers import Gateway, Orchestrator
from eunoe_schema.streams import Group
from eunoe_tests.events import OTHER_AGENT, event_of, scope_of
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until


async def test_scopes_with_equal_ids_are_isolated(
    clis: Clis, redis: Redis, redis_url: str, tenant: UUID, other_tenant: UUID
) -> None:
    """Two tenants with equal ids, another agent and another user: each scope recalls only its own message."""
    scopes = [scope_of(tenant), scope_of(other_tenant), scope_of(tenant, agent=OTHER_AGENT), scope_of(tenant, "ben")]
    async with await Gateway.connect(redis_url) as gateway, await Orchestrator.connect(redis_url) as orchestrator:
        for number, scope in enumerate(scopes):
            await gateway.publish(event_of(scope, "1", f"My secret number is {number}."))
        await clis.consume("window", "embed", "recall")
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        for number, scope in enumerate(scopes):
            secret = f"My secret number is {number}."
            window = await orchestrator.recall(scope, "What is my secret number?", deadline=20)
            assert [message.content for message in window.window] == [secret]
            turns = await orchestrator.recall(scope, "What is my secret number?", window=0, deadline=20)
            assert [turn.content for turn in turns.turns] == [secret]
