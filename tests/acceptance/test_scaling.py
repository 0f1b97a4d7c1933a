"""Processes are added, stopped, replaced and killed under load: nothing is lost, doubled or left behind."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import MessageEvent, Receipt, Scope
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Cli, Clis
from eunoe_tests.stores import consumed, consumers, dead, pending, stored_events, window_events
from eunoe_tests.waiting import wait_until
from eunoe_tests.zombies import turns_locked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
_HASH = {"embedder": "hash", "purpose": "test"}
# Each process consumes for both groups, so that each test covers both.
_GROUPS = (Group.WINDOW, Group.EMBED)
_USERS = 5
_PACE_SECONDS = 0.05  # faster publishing would take the processor from the consumers


class Load:
    """Publishes until it is ended, and measures how far the groups are behind.

    Attributes:
        published: The event ids of each scope, in order.
        longest_seconds: The longest measured wait of the oldest unfinished entry.
    """

    def __init__(self, redis: Redis, gateway: Gateway, tenant: UUID) -> None:
        self.scopes = [scope_of(tenant, f"user-{number}") for number in range(_USERS)]
        self.published: dict[Scope, list[str]] = {scope: [] for scope in self.scopes}
        self.longest_seconds = 0.0
        self._redis = redis
        self._gateway = gateway
        self._count = 0
        self._ended = asyncio.Event()

    @property
    def count(self) -> int:
        """How many events were published so far."""
        return self._count

    async def publish(self) -> None:
        """Publish batch after batch, until ended."""
        while not self._ended.is_set():
            events = [self._next() for _ in range(_USERS)]
            for event, outcome in zip(events, await self._gateway.publish_many(events), strict=True):
                assert isinstance(outcome, Receipt)
                self.published[event.scope].append(event.event_id)
            await asyncio.sleep(_PACE_SECONDS)

    async def watch(self) -> None:
        """Measure the wait of both groups again and again, until ended."""
        while not self._ended.is_set():
            for group in _GROUPS:
                await self._measure(group)
            await asyncio.sleep(_PACE_SECONDS)

    async def _measure(self, group: Group) -> None:
        """Measure how long the oldest unfinished entry of a group has waited, by the clock of Redis."""
        name = stream(Subject.MESSAGES)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.time()
            pipeline.xpending(name, group)
            pipeline.xinfo_groups(name)
            (seconds, microseconds), held, groups = await pipeline.execute()
        (info,) = [info for info in groups if info["name"].decode() == group]
        oldest = cast("bytes | None", held["min"] if held["pending"] else None)
        if oldest is None and info["lag"]:
            after = f"({info['last-delivered-id'].decode()}"
            unread = cast("list[tuple[bytes, object]]", await self._redis.xrange(name, after, "+", 1))
            oldest = unread[0][0]
        if oldest is not None:
            waited = seconds + microseconds / 1e6 - EntryOrder.parse(oldest.decode()).milliseconds / 1000
            self.longest_seconds = max(self.longest_seconds, waited)

    def end(self) -> None:
        """End after the batch that is being published, so that `published` names every event on the stream."""
        self._ended.set()

    async def reaches(self, more: int) -> None:
        """Wait until `more` further events were published."""
        enough = self._count + more

        async def published() -> bool:
            return self._count >= enough

        await wait_until(published, seconds=60)

    def _next(self) -> MessageEvent:
        scope = self.scopes[self._count % _USERS]
        event = event_of(scope, f"e{self._count}", f"Message {self._count} of {scope.user_id}.")
        self._count += 1
        return event


@asynccontextmanager
async def load_on(redis: Redis, redis_url: str, tenant: UUID) -> AsyncGenerator[Load]:
    """Publish during the block. An error of the publisher fails the test."""
    async with await Gateway.connect(redis_url) as gateway:
        load = Load(redis, gateway, tenant)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.publish())
            tasks.create_task(load.watch())
            try:
                yield load
            finally:
                load.end()


async def _start(clis: Clis, *groups: Group, processes: int = 1, **changes: object) -> list[Cli]:
    """Start processes one after the other: starting takes long while others compute."""
    started: list[Cli] = []
    for _ in range(processes):
        cli = clis.start("consume", *groups, **_HASH, **changes)
        await wait_until(partial(_consumes, cli), seconds=120, what="the process to consume")
        started.append(cli)
    return started


async def _consumes(cli: Cli) -> bool:
    assert cli.process.poll() is None, cli.log
    return "consuming" in cli.log


async def _stop(cli: Cli) -> None:
    """Stop a process under load. It must finish its work and log no error."""
    assert await asyncio.to_thread(cli.stop) == 0, cli.log
    assert "Traceback" not in cli.log, cli.log
    assert "stopped before all was done" not in cli.log, cli.log


async def _count(redis: Redis) -> list[int]:
    """Return the number of consumers of each group."""
    return [len(await consumers(redis, group)) for group in _GROUPS]


async def _wait_for_consumers(redis: Redis, count: int, *, what: str) -> None:
    async def reached() -> bool:
        return await _count(redis) == [count] * len(_GROUPS)

    await wait_until(reached, seconds=60, what=what)


async def _assert_complete(redis: Redis, database_url: str, load: Load) -> None:
    """Wait until both groups have finished, and compare both stores with what was published."""
    await wait_until(lambda: consumed(redis, *_GROUPS), seconds=60, what="both groups to finish")
    for scope, events in load.published.items():
        assert await stored_events(database_url, scope) == events
        assert await window_events(redis, scope) == events[-20:]
    for group in _GROUPS:
        assert await dead(redis, group) == {}
        assert await pending(redis, group) == 0


async def test_one_process_becomes_four_and_one_again(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """New processes share the work. A stopped one removes its consumer name; a killed one's is removed by others."""
    changes = {"batch_entries": 10, "consumer_idle_seconds": 10}
    (first,) = await _start(clis, *_GROUPS, **changes)
    async with load_on(redis, redis_url, tenant) as load:
        await load.reaches(100)
        killed, *stopped = await _start(clis, *_GROUPS, processes=3, **changes)
        await _wait_for_consumers(redis, 4, what="four consumers that read")
        await load.reaches(300)
        for cli in stopped:
            await _stop(cli)
        killed.kill()
        assert await _count(redis) == [2, 2], "a stopped process must remove its name at once"
        await load.reaches(100)
        await _wait_for_consumers(redis, 1, what="the killed consumer's name to be removed, under load")
    await _assert_complete(redis, database_url, load)
    await _stop(first)
    assert await _count(redis) == [0, 0]


async def test_a_rolling_restart_loses_nothing(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """Each of three processes is stopped and replaced under load: every message is stored once, in order."""
    running = await _start(clis, *_GROUPS, processes=3, batch_entries=10)
    async with load_on(redis, redis_url, tenant) as load:
        await load.reaches(100)
        for place in range(3):
            await _stop(running[place])
            (running[place],) = await _start(clis, *_GROUPS, batch_entries=10)
            await load.reaches(50)
    await _assert_complete(redis, database_url, load)
    assert max(await _count(redis)) <= 3, "a replaced process has left its name"
    for cli in running:
        await _stop(cli)
    assert await _count(redis) == [0, 0]
    print(f"{load.count} events, the longest wait {load.longest_seconds:.3f} s")  # noqa: T201 - shown by -rP


async def test_a_rolling_restart_answers_every_request(clis: Clis, redis: Redis, redis_url: str, tenant: UUID) -> None:
    """Every request that is sent while recall consumers are stopped and replaced gets its complete answer."""
    scope = scope_of(tenant)
    running = await _start(clis, Group.RECALL, processes=3)
    took: list[float] = []
    restarted = asyncio.Event()
    async with await Orchestrator.connect(redis_url) as orchestrator:

        async def keep_asking(who: int) -> None:
            while not restarted.is_set():
                began = time.monotonic()
                context = await orchestrator.recall(scope, f"Question {len(took)} of {who}", deadline=60)
                took.append(time.monotonic() - began)
                assert context.missing == ()
                await asyncio.sleep(_PACE_SECONDS)

        async with asyncio.TaskGroup() as asking:
            for who in range(4):
                asking.create_task(keep_asking(who))
            for place in range(3):
                await _stop(running[place])
                (running[place],) = await _start(clis, Group.RECALL)
            restarted.set()
    assert took
    for cli in running:
        await _stop(cli)
    assert await consumers(redis, Group.RECALL) == []
    assert (await pending(redis, Group.RECALL), await redis.xlen(stream(Subject.RECALL))) == (0, 0)
    print(f"{len(took)} answers, the slowest in {max(took):.3f} s")  # noqa: T201 - shown by -rP


async def test_a_consumer_that_stops_with_its_hands_full_leaves_its_entries_to_others(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """Two batches wait for PostgreSQL and a third one for them: a stop ends the process in order, without an error."""
    (stopping,) = await _start(clis, Group.EMBED, batch_entries=5, shutdown_seconds=1)
    events = [event_of(scope_of(tenant), f"e{i}") for i in range(40)]
    async with turns_locked(database_url):
        async with await Gateway.connect(redis_url) as gateway:
            await gateway.publish_many(events)

        async def three_batches_are_pending() -> bool:
            return await pending(redis, Group.EMBED) == 15

        await wait_until(three_batches_are_pending)
        assert await asyncio.to_thread(stopping.stop) == 0, stopping.log
    assert "Traceback" not in stopping.log, stopping.log
    (peer,) = await _start(clis, Group.EMBED)
    await wait_until(lambda: consumed(redis, Group.EMBED))
    assert await stored_events(database_url, scope_of(tenant)) == [event.event_id for event in events]
    await _stop(peer)
