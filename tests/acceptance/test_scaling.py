"""Processes of a role come and go under load: nothing is lost, doubled, left behind, or to be configured."""

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

pytestmark = pytest.mark.timeout(600)
_HASH = {"embedder": "hash", "purpose": "test"}
_USERS = 5
_PACE_SECONDS = 0.05  # a load, not a flood: the machine is the consumers', too


class Load:
    """Publishes without an end, and watches how far a group is behind.

    Attributes:
        published: Each scope's event ids, in their order.
        longest_seconds: How long the oldest entry that was not through has waited, at worst; as often as was looked.
    """

    def __init__(self, redis: Redis, gateway: Gateway, tenant: UUID, group: Group) -> None:
        self.scopes = [scope_of(tenant, f"user-{number}") for number in range(_USERS)]
        self.published: dict[Scope, list[str]] = {scope: [] for scope in self.scopes}
        self.longest_seconds = 0.0
        self._redis = redis
        self._gateway = gateway
        self._group = group
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
        """Measure the lag again and again, until ended."""
        while not self._ended.is_set():
            await self.look()
            await asyncio.sleep(_PACE_SECONDS)

    async def look(self) -> None:
        """Measure how long the oldest entry that is not through has waited, by the clock of Redis."""
        name = stream(Subject.MESSAGES)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.time()
            pipeline.xpending(name, self._group)
            pipeline.xinfo_groups(name)
            (seconds, microseconds), held, groups = await pipeline.execute()
        (info,) = [info for info in groups if info["name"].decode() == self._group]
        oldest = cast("bytes | None", held["min"] if held["pending"] else None)
        if oldest is None and info["lag"]:
            after = f"({info['last-delivered-id'].decode()}"
            unread = cast("list[tuple[bytes, object]]", await self._redis.xrange(name, after, "+", 1))
            oldest = unread[0][0]
        if oldest is not None:
            waited = seconds + microseconds / 1e6 - EntryOrder.parse(oldest.decode()).milliseconds / 1000
            self.longest_seconds = max(self.longest_seconds, waited)

    def end(self) -> None:
        """End after the batch that is on its way, so that nothing is there that was not noted."""
        self._ended.set()

    async def reaches(self, more: int) -> None:
        """Wait until so many events more were published."""
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
async def load_on(redis: Redis, redis_url: str, tenant: UUID, group: Group) -> AsyncGenerator[Load]:
    """Publish during the block; an error of the publisher is the test's."""
    async with await Gateway.connect(redis_url) as gateway:
        load = Load(redis, gateway, tenant, group)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.publish())
            tasks.create_task(load.watch())
            try:
                yield load
            finally:
                load.end()


async def _start(clis: Clis, group: Group, processes: int, **changes: object) -> list[Cli]:
    """Start processes one after the other: each may take long where others are at work."""
    started: list[Cli] = []
    for _ in range(processes):
        cli = clis.start("consume", group, **_HASH, **changes)
        await wait_until(partial(_consumes, cli), seconds=120, what="the process to consume")
        started.append(cli)
    return started


async def _consumes(cli: Cli) -> bool:
    assert cli.process.poll() is None, cli.log
    return "consuming" in cli.log


async def _stop(cli: Cli) -> None:
    """Stop a process under load; it must end in order, with nothing to complain of."""
    assert await asyncio.to_thread(cli.stop) == 0, cli.log
    assert "Traceback" not in cli.log, cli.log
    assert "stopped with unfinished entries" not in cli.log, cli.log


async def _all_is_there(redis: Redis, database_url: str, group: Group, load: Load) -> None:
    """Wait until a group is through, and compare what was published with what is there."""
    await wait_until(lambda: consumed(redis, group), seconds=60, what=f"{group} to be through")
    for scope, events in load.published.items():
        if group is Group.EMBED:
            assert await stored_events(database_url, scope) == events
        else:
            assert await window_events(redis, scope) == events[-20:]
    assert await dead(redis, group) == {}
    assert await pending(redis, group) == 0


@pytest.mark.parametrize("group", [Group.WINDOW, Group.EMBED])
async def test_one_four_and_one_again(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID, group: Group
) -> None:
    """Those that are started share the work; a stopped one leaves no name, and a killed one's is cleaned up."""
    (first,) = await _start(clis, group, 1, batch_entries=10, consumer_idle_seconds=10)
    async with load_on(redis, redis_url, tenant, group) as load:
        await load.reaches(100)
        more = await _start(clis, group, 3, batch_entries=10, consumer_idle_seconds=10)

        async def all_share() -> bool:
            return len(await consumers(redis, group)) == 4

        await wait_until(all_share, what="four consumers that read")
        await load.reaches(300)
        killed, *stopped = more
        for cli in stopped:
            await _stop(cli)
        killed.kill()
        assert len(await consumers(redis, group)) == 2, "a stopped one leaves its name at once"
        await load.reaches(100)

        async def one_left() -> bool:
            return len(await consumers(redis, group)) == 1

        await wait_until(one_left, seconds=60, what="the killed one's name to be cleaned up, by time, under load")
    await _all_is_there(redis, database_url, group, load)
    await _stop(first)
    assert await consumers(redis, group) == []


@pytest.mark.parametrize("group", [Group.WINDOW, Group.EMBED])
async def test_a_rolling_restart_loses_and_holds_up_nothing(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID, group: Group
) -> None:
    """Each of three is stopped and replaced, one after the other, under load: all is there, once and in order."""
    running = await _start(clis, group, 3, batch_entries=10)
    async with load_on(redis, redis_url, tenant, group) as load:
        await load.reaches(100)
        for place in range(3):
            await _stop(running[place])
            (running[place],) = await _start(clis, group, 1, batch_entries=10)
            await load.reaches(50)
    await _all_is_there(redis, database_url, group, load)
    assert len(await consumers(redis, group)) <= 3, "one of those that were replaced has left its name"
    for cli in running:
        await _stop(cli)
    assert await consumers(redis, group) == []
    print(f"{group}: {load.count} events, the longest wait {load.longest_seconds:.3f} s")  # noqa: T201 - with -rP


async def test_a_rolling_restart_leaves_no_request_unanswered(
    clis: Clis, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """Whoever asks while recall consumers are stopped and replaced is answered, in full."""
    scope = scope_of(tenant)
    running = await _start(clis, Group.RECALL, 3)
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
                (running[place],) = await _start(clis, Group.RECALL, 1)
            restarted.set()
    assert took
    for cli in running:
        await _stop(cli)
    assert await consumers(redis, Group.RECALL) == []
    assert (await pending(redis, Group.RECALL), await redis.xlen(stream(Subject.RECALL))) == (0, 0)
    print(f"{len(took)} answers, the slowest in {max(took):.3f} s")  # noqa: T201 - a figure for who asks with -rP


async def test_a_stop_while_there_is_no_room_is_in_order(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """All its batches wait for the store and the next one for room: told to stop, it leaves them to others, quietly."""
    (stopping,) = await _start(clis, Group.EMBED, 1, batch_entries=5, shutdown_seconds=1)
    events = [event_of(scope_of(tenant), f"e{i}") for i in range(40)]
    async with turns_locked(database_url):
        async with await Gateway.connect(redis_url) as gateway:
            await gateway.publish_many(events)

        async def no_room() -> bool:  # two batches in hand, one read and waiting
            return await pending(redis, Group.EMBED) == 15

        await wait_until(no_room)
        assert await asyncio.to_thread(stopping.stop) == 0, stopping.log
    assert "Traceback" not in stopping.log, stopping.log
    (peer,) = await _start(clis, Group.EMBED, 1)
    await wait_until(lambda: consumed(redis, Group.EMBED))
    assert await stored_events(database_url, scope_of(tenant)) == [event.event_id for event in events]
    await _stop(peer)
