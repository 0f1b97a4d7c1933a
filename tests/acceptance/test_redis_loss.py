"""Redis loses its data: consumers end and start again, windows are rebuilt, and the lost time span is reported."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Receipt, Scope
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.forks import ForkServer
from eunoe_tests.processes import Cli, Clis, command_lines
from eunoe_tests.stores import consumed, stored_events, window_events, window_of
from eunoe_tests.valkeys import Valkey
from eunoe_tests.waiting import wait_until

USERS = ("ada", "grace", "edsger")
PAST = 25
_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True)
class System:
    """A Redis of the test alone, commands on it, and a tenant with three scopes."""

    valkey: Valkey
    redis: Redis
    clis: Clis
    database_url: str
    tenant: UUID

    @property
    def scopes(self) -> list[Scope]:
        """One scope for each user."""
        return [scope_of(self.tenant, user) for user in USERS]

    async def consume(self) -> list[Cli]:
        """Start a process for each role, as a supervisor does."""
        return list(await asyncio.gather(*(self.clis.consume(group) for group in Group)))

    async def publish(self, scope: Scope, *event_ids: str) -> list[Receipt]:
        """Publish messages of a scope."""
        async with await Gateway.connect(self.valkey.url) as gateway:
            return [await gateway.publish(event_of(scope, name, f"message {name}")) for name in event_ids]

    async def fill_windows(self) -> dict[Scope, list[dict[str, Any]]]:
        """Publish more than a window for each scope, wait until it is applied, and return the windows."""
        for scope in self.scopes:
            await self.publish(scope, *[f"{scope.user_id}-{n}" for n in range(PAST)])
        await self.await_consumed()
        return {scope: await window_of(self.redis, scope) for scope in self.scopes}

    async def await_consumed(self) -> None:
        """Wait until both groups have finished."""
        await wait_until(lambda: consumed(self.redis, Group.WINDOW, Group.EMBED), what="all applied")

    async def health(self) -> dict[str, dict[str, str]]:
        """Return the failed checks and warnings of `eunoe health` by name."""
        _, log = await asyncio.to_thread(self.clis.run, "health", "--json")
        return {check["name"]: check for check in json.loads(log.splitlines()[-1])["checks"] if check["status"] != "ok"}

    async def reported_loss(self) -> str:
        """Wait until a consumer has noticed the loss, and return the report of `eunoe health`."""

        async def report() -> str:
            return (await self.health()).get("lost messages", {}).get("found", "")

        return await wait_until(report, what="health to report a loss")


@pytest.fixture
async def system(
    database_url: str, settings: Settings, tmp_path: Path, fork_server: ForkServer
) -> AsyncIterator[System]:
    """Return a system with its own Redis."""
    with TemporaryDirectory(prefix="eunoe-tests-") as folder, ExitStack() as stack:
        valkey = Valkey(Path(folder), stack)
        own = settings.model_copy(update={"redis_url": valkey.url, "embedder": "hash", "purpose": "test"})
        clis = stack.enter_context(command_lines(tmp_path, own, fork_server))
        async with Redis.from_url(valkey.url) as redis, await Database.connect(database_url) as database:
            table = TenantTable(database)
            added = await table.add("acme")
            await TenantRegistry(redis, table).add(added.id)
            yield System(valkey, redis, clis, database_url, added.id)


async def test_after_flushall_consumers_end_and_windows_are_rebuilt(system: System) -> None:
    """Each role ends with exit code 1 and the reason, and health fails. After a restart the windows are as before.

    Ada's is rebuilt by a recall, grace's by a new message, edsger's by a recall that waits for a new message.
    """
    roles = await system.consume()
    before = await system.fill_windows()
    ada, grace, edsger = system.scopes
    await system.redis.flushall()
    for role in roles:
        assert await asyncio.to_thread(role.process.wait, 60) == 1, role.log
        assert "Redis has lost" in role.log
    assert {"role window", "role embed", "role recall", "tenant registry"} <= (await system.health()).keys()

    await system.consume()
    async with await Orchestrator.connect(system.valkey.url) as orchestrator:
        context = await orchestrator.recall(ada, "what was said?", top_k=0, deadline=_DEADLINE_SECONDS)
        assert [message.event_id for message in context.window] == [element["event_id"] for element in before[ada]]
        assert await window_of(system.redis, ada) == before[ada]

        await system.publish(grace, "new")
        await system.await_consumed()
        assert (await window_of(system.redis, grace))[:-1] == before[grace][1:]
        assert (await window_events(system.redis, grace))[-1] == "new"

        (receipt,) = await system.publish(edsger, "newer")
        context = await orchestrator.recall(edsger, "and then?", after=receipt, top_k=0, deadline=_DEADLINE_SECONDS)
        assert context.freshness.applied is True
        assert [message.event_id for message in context.window] == [e["event_id"] for e in before[edsger][1:]]
    assert await stored_events(system.database_url, ada) == [f"ada-{n}" for n in range(PAST)]


async def test_health_reports_the_time_span_of_lost_messages(system: System) -> None:
    """It spans the last stored message to the first new one. A recall after a lost message says so without waiting."""
    roles = await system.consume()
    await system.fill_windows()
    scope = system.scopes[0]
    embed = roles[list(Group).index(Group.EMBED)]
    (safe,) = await system.publish(scope, "safe")
    await system.await_consumed()
    assert embed.stop() == 0  # the watermark at its stop is the last known one
    (lost,) = await system.publish(scope, "lost")
    await wait_until(lambda: _is_in_window(system, scope, "lost"))
    await system.redis.flushall()
    for role in roles:
        await asyncio.to_thread(role.process.wait, 60)

    await system.consume()
    (again,) = await system.publish(scope, "first of the new stream")
    loss = await system.reported_loss()
    started, ended = (EntryOrder.parse(receipt.entry_id).time for receipt in (safe, again))
    assert f"{started:%Y-%m-%d %H:%M:%S}" <= loss.partition("between ")[2]
    assert loss.partition(" and ")[2] <= f"{ended:%Y-%m-%d %H:%M:%S.%f} UTC, "
    async with await Orchestrator.connect(system.valkey.url) as orchestrator:
        context = await orchestrator.recall(scope, "what was lost?", after=lost, top_k=0, deadline=_DEADLINE_SECONDS)
    assert context.freshness.applied is False
    assert "Redis has lost it" in (context.freshness.reason or "")
    assert context.freshness.waited_ms < _DEADLINE_SECONDS * 1000 / 2
    # Publishing again, as health advises, stores the lost message and changes nothing else.
    await system.publish(scope, "safe", "lost")
    await system.await_consumed()
    assert (await stored_events(system.database_url, scope))[-2:] == ["first of the new stream", "lost"]
    await asyncio.to_thread(system.clis.run, "health", "--dismiss-losses")
    assert "lost messages" not in await system.health()


async def test_a_restart_of_redis_without_persistence_is_detected(system: System) -> None:
    """Redis is killed and starts empty on the same port: consumers end by themselves, and the windows are rebuilt."""
    roles = await system.consume()
    before = await system.fill_windows()
    system.valkey.kill()
    system.valkey.lose_data()
    await asyncio.to_thread(system.valkey.start)
    await system.redis.connection_pool.disconnect()
    for role in roles:
        assert await asyncio.to_thread(role.process.wait, 60) == 1, role.log
    await system.consume()
    async with await Orchestrator.connect(system.valkey.url) as orchestrator:
        for scope in system.scopes:
            await orchestrator.recall(scope, "what was said?", top_k=0, deadline=_DEADLINE_SECONDS)
            assert await window_of(system.redis, scope) == before[scope]
    assert await system.reported_loss()


async def _is_in_window(system: System, scope: Scope, event_id: str) -> bool:
    return event_id in await window_events(system.redis, scope)
