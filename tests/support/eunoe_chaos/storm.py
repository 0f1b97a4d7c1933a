"""The storm: servers, consumers, gateways and recalls under faults, and then the verdict."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from uuid import UUID

from eunoe_chaos.consumers import Fleet
from eunoe_chaos.faults import Faults, Injected
from eunoe_chaos.gateways import Publisher, conversations
from eunoe_chaos.groups import GROUPS, GroupWatch, open_plainly
from eunoe_chaos.ledger import Ledger
from eunoe_chaos.plan import Plan
from eunoe_chaos.poison import Poisoner
from eunoe_chaos.recalls import Asker
from eunoe_chaos.servers import Servers, processes_naming
from eunoe_chaos.verdict import Verdict, judge
from eunoe_chaos.waiting import came_true
from eunoe_consumers.delivery.redis_client import connect_redis
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import EunoeError
from eunoe_tests.processes import Launcher

PROCESSES_PER_ROLE = 2
_GATEWAYS = 2
_TENANTS = 2
_POLL_SECONDS = 0.1
_START_SECONDS = 120.0
_STALL_SECONDS = 90.0  # without progress for this time the system hangs
_DISMISSAL_SECONDS = 60.0  # a dead consumer's name is kept for ten seconds, and looked for every second

Progress = Callable[[int, int], None]


class NotRunning(EunoeError):
    """A part of the system did not start."""


@dataclass(frozen=True)
class Aftermath:
    """The results of a storm.

    Attributes:
        settings: The settings of the consumers.
        ledger: The published events and their receipts.
        poisoned: Poison entries appended without the gateways.
        injected: The faults.
        asker: The recalls and their results.
        fleet: The consumers.
        verdict: The defects in the stores.
        entries_pending: Pending entries of all groups.
        groups_behind: Groups that have not read their stream to its end.
        consumers_left: Consumer names in the groups after every process has ended.
        processes_left: Processes of consumers and servers that still run at the end.
        seconds: The time from the first event until every group had finished.
    """

    settings: Settings
    ledger: Ledger
    poisoned: int
    injected: Injected
    asker: Asker
    fleet: Fleet
    verdict: Verdict
    entries_pending: int
    groups_behind: int
    consumers_left: int
    processes_left: int
    seconds: float

    def findings(self) -> dict[str, int]:
        """Return everything that must be 0, by name."""
        return {
            **self.verdict.counts(),
            "entries_pending": self.entries_pending,
            "groups_behind": self.groups_behind,
            "refused_events": self.ledger.refusals.total(),
            "foreign_recalled_messages": self.asker.foreign,
            "misordered_recalled_windows": self.asker.disordered,
            "unclear_recall_errors": self.asker.unclear.total(),
            "wrong_final_recalls": self.asker.wrong,
            "unrecovered_faults": self.injected.unrecovered,
            "unclean_stops": self.fleet.unclean_ends.total(),
            "consumers_left": self.consumers_left,
            "processes_left": self.processes_left,
        }


def storm(
    plan: Plan, logs: Path, launcher: Launcher, on_progress: Progress = lambda _events, _faults: None
) -> Aftermath:
    """Run a storm on its own servers.

    Args:
        plan: The size of the storm and its faults.
        logs: A folder for the logs of the consumers.
        launcher: Starts the consumers.
        on_progress: Called repeatedly with the numbers of published events and of faults.

    Raises:
        EunoeError: A server or the consumers do not start.
    """
    # As root, PostgreSQL runs as another user and must reach its data: no parent folder may be closed to others.
    with TemporaryDirectory(prefix="eunoe-chaos-") as folder:
        with Servers(Path(folder)) as servers:
            aftermath = asyncio.run(_storm(plan, servers, logs, launcher, on_progress))
        left = len(processes_naming(servers.folder)) + aftermath.processes_left
    return replace(aftermath, processes_left=left)


async def _storm(plan: Plan, servers: Servers, logs: Path, launcher: Launcher, on_progress: Progress) -> Aftermath:
    settings = Settings(
        redis_url=servers.redis_url,
        database_url=servers.database_url,
        purpose="benchmark",
        embedder="hash",  # the storm does not test the model, and six processes with it would need the whole machine
        claim_after_seconds=2.0,
        consumer_idle_seconds=10.0,
        start_timeout_seconds=120.0,
    )
    tenants = await _prepare(settings)
    ledger = Ledger(conversations(tenants, plan.scopes))
    async with AsyncExitStack() as stack:
        watch = await stack.enter_async_context(GroupWatch(servers.redis_url))
        gateways = [await stack.enter_async_context(await Gateway.connect(servers.redis_url)) for _ in range(_GATEWAYS)]
        orchestrator = await stack.enter_async_context(await Orchestrator.connect(servers.redis_url))
        redis = open_plainly(servers.redis_url)
        stack.push_async_callback(redis.aclose)
        fleet = await stack.enter_async_context(_running(settings, logs, launcher, watch))
        supervising = asyncio.create_task(fleet.supervise())
        poisoner = Poisoner(redis, tenants[0], Random(plan.seed))  # noqa: S311 - repeatable, not secret
        publisher = Publisher(gateways, ledger, poisoner, plan)
        faults = Faults(plan, servers, fleet, watch, publisher, logs / "faults.log")
        asker = Asker(orchestrator, ledger, seed=plan.seed)

        started = time.monotonic()
        reporting = asyncio.create_task(_report(publisher, faults, on_progress))
        async with asyncio.TaskGroup() as weather:
            storming = weather.create_task(faults.run())
            publishing = weather.create_task(publisher.run(storming.done))
            weather.create_task(asker.run(publishing.done))
        await _await_finish(watch)
        seconds = time.monotonic() - started

        await asker.ask_all(settings.window_messages)
        await _await_removed_names(watch, fleet)
        reporting.cancel()
        await fleet.stop_all()
        await supervising
        left = [await watch.left(group) for group in GROUPS]
        named = [len(await watch.in_flight(group)) for group in GROUPS]
        verdict = await judge(
            ledger, poisoner.written, redis, servers.database_url, window_messages=settings.window_messages
        )
        return Aftermath(
            settings=settings,
            ledger=ledger,
            poisoned=len(poisoner.written),
            injected=faults.injected,
            asker=asker,
            fleet=fleet,
            verdict=verdict,
            entries_pending=sum(group.pending for group in left),
            groups_behind=sum(group.unread for group in left),
            consumers_left=sum(named),
            processes_left=fleet.running(),
            seconds=seconds,
        )


async def _prepare(settings: Settings) -> Sequence[UUID]:
    """Migrate and register the tenants."""
    url = settings.database_url or ""
    async with Migrator.connect(url, embedding_dimensions=settings.embedding_dimensions) as migrator:
        await migrator.up()
    redis = await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)
    try:
        async with await Database.connect(url, connections=1) as database:
            table = TenantTable(database)
            tenants = [await table.add(f"chaos-{number}") for number in range(_TENANTS)]
            for tenant in tenants:
                await TenantRegistry(redis, table).add(tenant.id)
    finally:
        await redis.aclose()
    return [tenant.id for tenant in tenants]


@asynccontextmanager
async def _running(settings: Settings, logs: Path, launcher: Launcher, watch: GroupWatch) -> AsyncGenerator[Fleet]:
    """Run every role during the block. It starts when all of them read."""
    fleet = Fleet(settings, [role for role in GROUPS for _ in range(PROCESSES_PER_ROLE)], logs, launcher)
    try:

        async def all_read() -> bool:
            if fleet.running() < len(GROUPS) * PROCESSES_PER_ROLE:
                raise NotRunning(f"a consumer ended while it was starting; the consumers' logs are in {logs}")
            return all([len(await watch.in_flight(role)) == PROCESSES_PER_ROLE for role in GROUPS])

        if not await came_true(all_read, seconds=_START_SECONDS):
            raise NotRunning(f"not all consumers read within {_START_SECONDS:.0f} s; their logs are in {logs}")
        yield fleet
    finally:
        fleet.kill_all()


async def _report(publisher: Publisher, faults: Faults, on_progress: Progress) -> None:
    while True:
        on_progress(publisher.published, sum(faults.injected.hits.values()))
        await asyncio.sleep(_POLL_SECONDS)


async def _await_finish(watch: GroupWatch) -> None:
    """Wait until every group has finished, or nothing changes any more."""
    before, moved = None, time.monotonic()
    while any(left := [await watch.left(group) for group in GROUPS]):
        if left != before:
            before, moved = left, time.monotonic()
        elif time.monotonic() - moved > _STALL_SECONDS:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _await_removed_names(watch: GroupWatch, fleet: Fleet) -> None:
    """Wait until the consumer names of dead processes are removed from the groups."""

    async def only_running_ones() -> bool:
        return all(
            [set(await watch.in_flight(role)) == {process.pid for process in fleet.processes(role)} for role in GROUPS]
        )

    await came_true(only_running_ones, seconds=_DISMISSAL_SECONDS)
