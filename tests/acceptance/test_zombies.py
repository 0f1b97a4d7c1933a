"""Consumers are frozen until others have claimed and finished their entries, and then continue."""

import asyncio
from collections.abc import Iterable
from typing import cast
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import RAISE_MARKER
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import MessageEvent, Receipt, Scope
from eunoe_schema.codec import encode
from eunoe_schema.streams import DATA_FIELD, Group, Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Cli, Clis
from eunoe_tests.stores import consumed, consumers, dead, dead_entries, pending, stored_events, window_events
from eunoe_tests.waiting import wait_until
from eunoe_tests.zombies import freeze, frozen_with_entries, replies_counted, turns_locked, wake

MESSAGES = stream(Subject.MESSAGES)
_HASH = {"embedder": "hash", "purpose": "test"}
_SCOPES = 3
_MESSAGES = 30  # for each scope: more than a window holds
_DEADLINE = 60.0


@pytest.fixture
def scopes(tenant: UUID) -> list[Scope]:
    """Return the scopes of these tests."""
    return [scope_of(tenant, f"user-{number}") for number in range(_SCOPES)]


def _events(scopes: Iterable[Scope], prefix: str, count: int) -> list[MessageEvent]:
    return [event_of(scope, f"{prefix}-{i}", f"Message {prefix} {i}.") for i in range(count) for scope in scopes]


async def _publish(redis_url: str, events: Iterable[MessageEvent]) -> None:
    async with await Gateway.connect(redis_url) as gateway:
        outcomes = await gateway.publish_many(events)
    assert all(isinstance(outcome, Receipt) and not outcome.duplicate for outcome in outcomes)


async def _append(redis: Redis, events: Iterable[MessageEvent]) -> None:
    """Append events in one step, without the gateway: a frozen reader is delivered all of them or none."""
    async with redis.pipeline(transaction=True) as pipeline:
        for event in events:
            pipeline.xadd(MESSAGES, {DATA_FIELD: encode(event)})
        await pipeline.execute()


async def _finished_by_another(clis: Clis, redis: Redis, group: Group) -> Cli:
    """Start another consumer, and wait until it has finished the entries of the frozen one."""
    peer = await clis.consume(group, **_HASH)
    # PostgreSQL frees the locks of a frozen transaction after ten seconds, or sixty in the worst case.
    await wait_until(
        lambda: consumed(redis, group), seconds=90, what="the other consumer to finish the pending entries"
    )
    return peer


async def _warm(redis: Redis, redis_url: str, group: Group, tenant: UUID) -> None:
    """Let the consumer prepare its statements, so that a freeze happens between two of them."""
    for number in range(3):
        await _publish(redis_url, _events([scope_of(tenant, f"somebody {number}")], "warm", 1))
        await wait_until(lambda: consumed(redis, group))


async def _continues(
    redis: Redis, redis_url: str, group: Group, zombie: Cli, peer: Cli, more: list[MessageEvent]
) -> None:
    """Wake a zombie and stop the other consumer. The zombie must finish its stale work and consume new entries."""
    wake(zombie)
    assert await asyncio.to_thread(peer.stop) == 0, peer.log
    await _publish(redis_url, more)
    await wait_until(lambda: consumed(redis, group), what="the woken consumer to continue")
    # A stop waits for the entries that it had in flight before it was frozen.
    assert await asyncio.to_thread(zombie.stop) == 0, zombie.log
    assert "stopped with unfinished entries" not in zombie.log
    assert await consumers(redis, group) == []


async def _holds(redis: Redis, database_url: str, group: Group, scope: Scope, expected: list[str]) -> None:
    if group is Group.EMBED:
        assert await stored_events(database_url, scope) == expected
    else:
        assert await window_events(redis, scope) == expected[-20:]


@pytest.mark.parametrize("group", [Group.WINDOW, Group.EMBED])
async def test_a_consumer_frozen_in_a_transaction_overwrites_nothing(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, scopes: list[Scope], group: Group
) -> None:
    """It has read turns, or written rows without a commit. Others do its work again, and its late work adds nothing."""
    zombie = await clis.consume(group, **_HASH)
    await _warm(redis, redis_url, group, scopes[0].tenant_id)
    first, second, third = (_events(scopes, prefix, _MESSAGES) for prefix in ("a", "b", "c"))
    async with turns_locked(database_url):
        await _publish(redis_url, first)

        async def at_work() -> bool:
            return await pending(redis, group) == len(first) and await _waits_for_turns(database_url)

        await wait_until(at_work, what="all entries to be in flight and to wait for the turns")
        freeze(zombie)
    peer = await _finished_by_another(clis, redis, group)
    await _publish(redis_url, second)
    await wait_until(lambda: consumed(redis, group))
    for scope in scopes:
        await _holds(redis, database_url, group, scope, _ids(scope, first, second))
    await _continues(redis, redis_url, group, zombie, peer, third)
    for scope in scopes:
        await _holds(redis, database_url, group, scope, _ids(scope, first, second, third))
    assert await dead(redis, group) == {}
    assert await pending(redis, group) == 0


@pytest.mark.parametrize("group", [Group.WINDOW, Group.EMBED])
async def test_a_consumer_frozen_before_its_batch_adds_no_dead_letter(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, scopes: list[Scope], group: Group
) -> None:
    """It does not dead-letter an entry again that others have dead-lettered, and no other entry with it."""
    zombie = await clis.consume(group, **_HASH)
    bad = event_of(scope_of(scopes[0].tenant_id, "bad"), "bad", f"Please {RAISE_MARKER}")
    poisoned_key = f"{bad.tenant_id}:memory:short:{bad.agent_id}:{bad.user_id}"
    await redis.set(poisoned_key, "no list")  # the effect of the group window fails on it

    def batch(attempt: int) -> list[MessageEvent]:
        events = _events(scopes, f"try{attempt}", 10)
        poison = [bad.model_copy(update={"event_id": f"bad{attempt}"}), _stranger(f"stranger{attempt}")]
        return [*events[:7], *poison, *events[7:]]

    attempts, held = await frozen_with_entries(redis, zombie, group, lambda n: _append(redis, batch(n)))
    assert held == len(batch(0))
    peer = await _finished_by_another(clis, redis, group)
    second, third = (_events(scopes, prefix, _MESSAGES) for prefix in ("b", "c"))
    await _publish(redis_url, second)
    await wait_until(lambda: consumed(redis, group))
    assert len(await dead_entries(redis, group)) == 2 * (attempts + 1)
    await _continues(redis, redis_url, group, zombie, peer, third)
    tried = [batch(attempt) for attempt in range(attempts + 1)]
    for scope in scopes:
        await _holds(redis, database_url, group, scope, _ids(scope, *tried, second, third))
    assert len(await dead_entries(redis, group)) == 2 * (attempts + 1)
    assert await pending(redis, group) == 0


async def test_a_consumer_frozen_with_requests_answers_none_twice(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, scopes: list[Scope]
) -> None:
    """The orchestrator gets the reply of the other consumer only. The zombie finds its requests answered."""
    await clis.consume("window", **_HASH)
    zombie = await clis.consume("recall", **_HASH)
    first = _events(scopes, "a", 5)
    await _publish(redis_url, first)
    await wait_until(lambda: consumed(redis, Group.WINDOW))
    async with await Orchestrator.connect(redis_url) as orchestrator, replies_counted(redis) as replies:

        async def ask(scope: Scope, number: int) -> list[str | None]:
            context = await orchestrator.recall(scope, f"Message {number}", top_k=3, deadline=_DEADLINE)
            assert context.missing == ()
            return [message.event_id for message in context.window]

        asking: list[tuple[Scope, asyncio.Task[list[str | None]]]] = []
        async with turns_locked(database_url):
            asking += [(scope, asyncio.create_task(ask(scope, number))) for number in range(4) for scope in scopes]

            async def at_work() -> bool:
                return await pending(redis, Group.RECALL) == len(asking) and await _waits_for_turns(database_url)

            await wait_until(at_work, what="all requests to be in flight and to wait for the turns")
            freeze(zombie)
        peer = await _finished_by_another(clis, redis, Group.RECALL)
        for scope, answer in asking:
            assert await answer == _ids(scope, first)
        wake(zombie)
        assert await asyncio.to_thread(peer.stop) == 0, peer.log
        assert await ask(scopes[0], 99) == _ids(scopes[0], first)
        assert await asyncio.to_thread(zombie.stop) == 0, zombie.log
        counted = await replies.counted()
    assert sorted(counted.values()) == [1] * (len(asking) + 1)
    assert await dead(redis, Group.RECALL) == {}
    assert (await pending(redis, Group.RECALL), await redis.xlen(stream(Subject.RECALL))) == (0, 0)


@pytest.mark.parametrize("group", [Group.WINDOW, Group.EMBED])
async def test_a_consumer_whose_name_was_removed_continues(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, scopes: list[Scope], group: Group
) -> None:
    """It was idle for so long that others removed its name. It registers again and consumes as before."""
    zombie = await clis.consume(group, **_HASH)
    first, second = (_events(scopes, prefix, 10) for prefix in ("a", "b"))
    await _publish(redis_url, first)
    await wait_until(lambda: consumed(redis, group))
    (name,) = await consumers(redis, group)
    freeze(zombie)
    peer = await clis.consume(group, consumer_idle_seconds=10, **_HASH)

    async def is_removed() -> bool:
        return name not in await consumers(redis, group)

    await wait_until(is_removed, seconds=60, what="the name of the frozen consumer to be removed")
    await _continues(redis, redis_url, group, zombie, peer, second)
    for scope in scopes:
        await _holds(redis, database_url, group, scope, _ids(scope, first, second))
    assert await dead(redis, group) == {}
    assert await pending(redis, group) == 0


def _ids(scope: Scope, *batches: Iterable[MessageEvent]) -> list[str]:
    return [event.event_id for batch in batches for event in batch if event.scope == scope]


def _stranger(event_id: str) -> MessageEvent:
    """Return an event of an unregistered tenant."""
    return event_of(scope_of(UUID(int=7)), event_id)


async def _waits_for_turns(database_url: str) -> bool:
    """Return whether a transaction waits for a lock on the table of turns."""
    connection = await asyncpg.connect(database_url)
    try:
        waiting = cast("int", await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
    finally:
        await connection.close()
    return waiting > 0
