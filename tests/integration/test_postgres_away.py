"""PostgreSQL is away or hangs: other work goes on, and a stop is not delayed."""

import asyncio
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import cast
from uuid import UUID, uuid4

import psutil
import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.stream_group import ensure_groups
from eunoe_consumers.devservers import ServerUrls
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.roles import consume
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema.codec import encode
from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, consumers, pending, window_events
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow


async def _away(*_: object) -> None:
    raise StoreUnavailable("PostgreSQL is away")


@contextmanager
def _frozen(servers: ServerUrls) -> Generator[None]:
    """Freeze every process of PostgreSQL: connections stay open, and nothing answers."""
    port = servers.database_url.rpartition(":")[2].partition("/")[0]
    (postmaster,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "-p" in (line := cast("list[str]", process.info["cmdline"] or [])) and port in line and "postgres" in line[0]
    ]
    frozen = [*postmaster.children(recursive=True), postmaster]
    for process in frozen:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in frozen:
            if process.is_running():
                process.send_signal(signal.SIGCONT)


async def test_a_new_scope_does_not_delay_other_windows(
    settings: Settings, redis: Redis, redis_url: str, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that must be loaded waits for PostgreSQL. An existing window goes on. Nothing is lost."""
    old, new = scope_of(tenant, "old"), scope_of(tenant, "new")
    async with consuming(settings, Group.WINDOW), await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(old, "e1"))
        await wait_until(lambda: consumed(redis, Group.WINDOW))
        with monkeypatch.context() as patch:
            patch.setattr(TurnReader, "last", _away)
            await gateway.publish(event_of(new, "e1"))

            async def left_pending() -> bool:
                return await pending(redis, Group.WINDOW) == 1

            await wait_until(left_pending)
            await gateway.publish(event_of(old, "e2"))

            async def went_on() -> bool:
                return await window_events(redis, old) == ["e1", "e2"]

            await wait_until(went_on)
            assert await window_events(redis, new) == []
        await wait_until(lambda: consumed(redis, Group.WINDOW))
        assert await window_events(redis, new) == ["e1"]


async def test_an_unknown_tenant_does_not_delay_others(
    settings: Settings, redis: Redis, redis_url: str, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event stays pending while the table cannot be read. Afterwards it is dead-lettered."""
    scope = scope_of(tenant)
    async with consuming(settings, Group.WINDOW), await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(scope, "e1"))
        await wait_until(lambda: consumed(redis, Group.WINDOW))
        with monkeypatch.context() as patch:
            patch.setattr(TenantTable, "ids", _away)
            await redis.xadd(stream(Subject.MESSAGES), {"__data__": encode(event_of(scope_of(uuid4()), "x"))})
            await gateway.publish(event_of(scope, "e2"))

            async def went_on() -> bool:
                return await window_events(redis, scope) == ["e1", "e2"]

            await wait_until(went_on)
            assert await pending(redis, Group.WINDOW) == 1
        await wait_until(lambda: consumed(redis, Group.WINDOW))


async def test_a_recall_on_a_frozen_database_is_partial_and_in_time(
    settings: Settings, servers: ServerUrls, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """The window is returned, and the reply names the missing parts."""
    scope = scope_of(tenant)
    async with (
        consuming(settings.model_copy(update={"shutdown_seconds": 1.0}), Group.WINDOW, Group.RECALL),
        await Gateway.connect(redis_url) as gateway,
        await Orchestrator.connect(redis_url) as orchestrator,
    ):
        await gateway.publish(event_of(scope, "e1", "Hello."))
        await wait_until(lambda: consumed(redis, Group.WINDOW))
        await orchestrator.recall(scope, "Hello?", deadline=20)  # a connection is open now
        with _frozen(servers):
            context = await orchestrator.recall(scope, "Hello?", deadline=2)
    assert [message.content for message in context.window] == ["Hello."]
    assert [part.part for part in context.missing] == ["turns", "memories"]


async def test_a_stop_does_not_wait_for_a_frozen_database(
    settings: Settings, servers: ServerUrls, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """Entries in hand are released, and the process ends."""
    scope = scope_of(tenant)
    stop = asyncio.Event()
    running = asyncio.create_task(
        consume(settings.model_copy(update={"shutdown_seconds": 1.0}), [ProcessRole.WINDOW], stop)
    )
    async with await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(scope, "e1"))
        await wait_until(lambda: consumed(redis, Group.WINDOW))
        with _frozen(servers):
            await gateway.publish(event_of(scope_of(tenant, "new"), "e2"))

            async def in_hand() -> bool:
                return await pending(redis, Group.WINDOW) == 1

            await wait_until(in_hand)
            stop.set()
            done, _ = await asyncio.wait({running}, timeout=30)
            assert done, "it waits for PostgreSQL"
        await running


async def test_a_stop_does_not_wait_for_a_claimed_entry(
    settings: Settings, servers: ServerUrls, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """The same with an entry of a dead consumer: the reclaimer ends, too."""
    name = stream(Subject.MESSAGES)
    await ensure_groups(redis)
    async with await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(scope_of(tenant, "new"), "e1"))
    await redis.xreadgroup(Group.WINDOW, "dead", {name: ">"}, count=1)
    stop = asyncio.Event()
    changes = {"shutdown_seconds": 1.0, "claim_after_seconds": 6.0}
    running = asyncio.create_task(consume(settings.model_copy(update=changes), [ProcessRole.WINDOW], stop))

    async def started() -> bool:
        return len(await consumers(redis, Group.WINDOW)) == 2

    async def taken_over() -> bool:
        (entry,) = await redis.xpending_range(name, Group.WINDOW, "-", "+", 1)
        return entry["consumer"] != b"dead"

    await wait_until(started)
    with _frozen(servers):
        await wait_until(taken_over)
        stop.set()
        done, _ = await asyncio.wait({running}, timeout=30)
        assert done, "it waits for PostgreSQL"
    await running


async def test_a_starting_process_stops_at_once(settings: Settings) -> None:
    """It waits for its servers, and obeys like a running one."""
    stop = asyncio.Event()
    waiting = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0", "start_timeout_seconds": 300.0})
    running = asyncio.create_task(consume(waiting, [ProcessRole.WINDOW], stop))
    await asyncio.sleep(0)
    stop.set()
    started = time.monotonic()
    await running
    assert time.monotonic() - started < 60  # it would wait for 300 seconds
