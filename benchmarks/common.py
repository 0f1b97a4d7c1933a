"""Shared parts of the benchmarks: the printed report, and a complete system to measure."""

import asyncio
import json
import math
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, NoReturn, cast
from uuid import UUID

import asyncpg
import typer
from pydantic import ValidationError
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from eunoe_consumers.delivery.redis_client import connect_redis
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.devservers import embedded_servers
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.processes.supervisor import RoleFailed, RoleProcesses
from eunoe_consumers.settings import Settings
from eunoe_schema import EunoeError
from eunoe_schema.streams import Group, Subject, dead_letters, stream
from eunoe_schema.validation import describe

REPOSITORY = Path(__file__).resolve().parent.parent
# The storm of chaos.py is also an acceptance test, so it is in the support of the tests.
sys.path.append(str(REPOSITORY / "tests" / "support"))
AGENT = UUID("b0000000-0000-4000-8000-000000000001")

_CANNOT_MEASURE = 2
_SIGNAL_BASE = 128
_POLL_SECONDS = 0.02
_STALL_SECONDS = 180.0
_START_SECONDS = 120.0
# These settings name places. They do not affect the figures, so a report omits them.
_PLACES = {"redis_url", "database_url", "data_dir", "model_path", "model_cache_dir"}

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

errors = Console(stderr=True)


class CannotMeasure(EunoeError):
    """The benchmark has no result: something is missing, or the system did not run."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: Its name. It never changes, so that runs can be compared.
        value: The number.
        unit: Its unit.
        better: The direction of an improvement.
        must: The bound for a valid run, if there is one.
        aim: The desired value, if there is one.
    """

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    must: float | None = None
    aim: float | None = None

    def is_reached(self, bound: float) -> bool:
        """Return whether the value is at least as good as a bound."""
        return self.value >= bound if self.better == "higher" else self.value <= bound


@dataclass(frozen=True)
class Report:
    """The figures of a benchmark. `about` says what was measured, and how."""

    benchmark: str
    figures: Sequence[Figure]
    about: str

    def print(self, *, as_json: bool) -> None:
        """Print one JSON object for programs, or a table for people."""
        if as_json:
            print(json.dumps(asdict(self), ensure_ascii=False))
            return
        table = Table("figure", "value", "unit", "better", "must", "aim", title=self.benchmark)
        for column in (1, 4, 5):
            table.columns[column].justify = "right"
        for figure in self.figures:
            right = figure.must is None or figure.is_reached(figure.must)
            numbers = ["" if number is None else f"{number:,.6g}" for number in (figure.must, figure.aim)]
            style = None if right else "red"
            table.add_row(figure.name, f"{figure.value:,.6g}", figure.unit, figure.better, *numbers, style=style)
        output = Console()
        output.print(table)
        output.print(self.about, highlight=False, markup=False)


def changed_settings(settings: Settings) -> str:
    """Return the settings that differ from their defaults, as text."""
    changed = settings.model_dump(mode="json", exclude_defaults=True, exclude=_PLACES)
    return ", ".join(f"{name}={value}" for name, value in changed.items()) or "default settings"


def rounded(value: float) -> float:
    """Round to four significant digits. Further digits would be noise."""
    return value if value == 0 else round(value, 3 - math.floor(math.log10(abs(value))))


def percentile(values: Collection[float], percent: float) -> float:
    """Return the nearest-rank percentile, which is one of the measured values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def machine() -> str:
    """Describe the machine and the versions of a run."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("eunoe", "fastembed", "onnxruntime"))
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}; load average at the end {load:.1f}), "
        f"Python {platform.python_version()}, {packages}"
    )


def progress_bars() -> Progress:
    """Return progress bars on standard error. Standard output is for the report."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=errors
    )


def command_line() -> typer.Typer:
    """Return the command line of a script."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def run(app: typer.Typer) -> None:
    """Run a script. The exit code is 0 with a report, 2 with one line if it cannot measure, 128 + N after signal N."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # it raises, so that servers and roles are stopped
    try:
        app()  # exits by itself, also with 2 for wrong usage and with 130 after Ctrl-C
    except (EunoeError, OSError) as error:
        _complain(str(error))
    except ValidationError as error:
        _complain(f"a setting is wrong (EUNOE_<NAME>): {describe(error)}")


def _complain(message: str) -> NoReturn:
    errors.print(f"cannot measure: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(_CANNOT_MEASURE)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_SIGNAL_BASE + number)


class RunningSystem:
    """A complete Eunoe: servers in a temporary folder, and a process for each role."""

    def __init__(self, settings: Settings, tenant_id: UUID, roles: Sequence[RoleProcesses], log: Path) -> None:
        self.settings = settings
        self.tenant_id = tenant_id
        self._roles = roles
        self._log = log

    @property
    def redis_url(self) -> str:
        """The URL for the clients."""
        return self.settings.redis_url or ""

    @property
    def database_url(self) -> str:
        """The URL of the database for its superuser, who counts all rows in spite of row-level security."""
        return self.settings.database_url or ""

    @contextmanager
    def recalling(self, **changes: object) -> Generator[None]:
        """Run a recall process with changed settings during the block.

        Raises:
            CannotMeasure: It does not start.
        """
        settings = self.settings.model_copy(update=changes)
        with RoleProcesses(settings, [ProcessRole.RECALL], log_file=self._log):
            asyncio.run(_await_consumers(self, {Group.RECALL: 1}))
            yield

    def check(self) -> None:
        """Raise if a role has ended.

        Raises:
            CannotMeasure: A role has ended. The message has the last line of the log.
        """
        try:
            for roles in self._roles:
                roles.check()
        except RoleFailed as error:
            ended = str(error).partition(";")[0]  # the rest names the log file, which is deleted at the end
            last = self._log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
            raise CannotMeasure(f"{ended}; its log ends: {last}") from error

    def describe(self) -> str:
        """Return the settings that differ from their defaults, as text."""
        return changed_settings(self.settings)


@contextmanager
def running_system(
    *, embed_processes: int = 1, recall_processes: int = 1, curate_processes: int = 0
) -> Generator[RunningSystem]:
    """Run a complete system during the block: servers, schema, a tenant and the roles. Nothing remains afterwards.

    The settings come from the environment, except for the servers, which are always embedded and new. The prepared
    model stays in the cache folder of the settings.

    Args:
        embed_processes: Processes of the role embed.
        recall_processes: Processes of the role recall. With 0, use `recalling` to run one.
        curate_processes: Processes of the role curate.

    Raises:
        CannotMeasure: A role does not start.
        EunoeError: A server does not start, or the migration fails.
    """
    with ExitStack() as stack:
        # In the temporary folder of the system, because under root PostgreSQL runs as another user and must reach it.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-benchmark-")))
        urls = stack.enter_context(embedded_servers(folder / "data"))
        settings = Settings(redis_url=urls.redis_url, database_url=urls.database_url)
        tenant_id = asyncio.run(_prepare(settings))
        log = folder / "roles.log"
        wanted = {
            Group.WINDOW: 1,
            Group.EMBED: embed_processes,
            Group.RECALL: recall_processes,
            Group.CURATE: curate_processes,
        }
        every = [ProcessRole(group) for group, count in wanted.items() for _ in range(count)]
        roles = stack.enter_context(RoleProcesses(settings, every, log_file=log))
        system = RunningSystem(settings, tenant_id, [roles], log)
        asyncio.run(_await_consumers(system, wanted))
        yield system


async def _prepare(settings: Settings) -> UUID:
    """Migrate and register the tenant."""
    url = settings.database_url or ""
    async with Migrator.connect(url, embedding_dimensions=settings.embedding_dimensions) as migrator:
        await migrator.up()
    redis = await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)
    try:
        async with await Database.connect(url, connections=1) as database:
            table = TenantTable(database)
            tenant = await table.add("benchmark")
            await TenantRegistry(redis, table).add(tenant.id)
    finally:
        await redis.aclose()
    return tenant.id


async def _await_consumers(system: RunningSystem, wanted: Mapping[Group, int]) -> None:
    """Wait until every process reads. A consumer name appears with the first read, after the model is loaded."""
    ends = time.monotonic() + _START_SECONDS
    async with observe(system) as observer:
        for group, count in wanted.items():
            while await observer.consumers(group) < count:
                system.check()
                if time.monotonic() > ends:
                    raise CannotMeasure(f"role {group} did not read within {_START_SECONDS:.0f} s")
                await asyncio.sleep(_POLL_SECONDS)


class Observer:
    """Reads both stores directly, without the public clients."""

    def __init__(self, system: RunningSystem, redis: Redis, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._system = system
        self.redis = redis
        self._connection = connection

    async def consumers(self, group: Group) -> int:
        """Count the consumers of a group; 0 before the group exists."""
        if not await self.redis.exists(stream(group.subject)):
            return 0
        groups = cast("list[dict[str, bytes | int]]", await self.redis.xinfo_groups(stream(group.subject)))
        return next((cast("int", row["consumers"]) for row in groups if row["name"] == group.encode()), 0)

    async def left(self, group: Group) -> int:
        """Count the messages that a group has not read or not acknowledged."""
        groups = cast("list[dict[str, bytes | int | None]]", await self.redis.xinfo_groups(stream(Subject.MESSAGES)))
        row = next(row for row in groups if row["name"] == group.encode())
        lag = await self.redis.xlen(stream(Subject.MESSAGES)) if row["lag"] is None else row["lag"]
        return cast("int", lag) + cast("int", row["pending"])

    async def dead(self) -> int:
        """Count the dead letters of all groups."""
        return sum([await self.redis.xlen(dead_letters(group)) for group in Group])

    async def rows(self) -> int:
        """Count the tenant's turns in PostgreSQL."""
        query = "SELECT count(*) FROM conversation_embeddings WHERE tenant_id = $1"
        return int(await self._connection.fetchval(query, self._system.tenant_id))

    async def vacuum(self) -> None:
        """Vacuum and analyse all tables, as autovacuum would do later."""
        await self._connection.execute("VACUUM (ANALYZE)")

    async def await_drained(self, group: Group, on_progress: Callable[[int], None] | None = None) -> None:
        """Wait until a group has finished, and report the remaining messages.

        Raises:
            CannotMeasure: A role has ended, or there was no progress for three minutes.
        """
        least, moved = math.inf, time.monotonic()
        while left := await self.left(group):
            if on_progress:
                on_progress(left)
            self._system.check()
            if left < least:
                least, moved = left, time.monotonic()
            elif time.monotonic() - moved > _STALL_SECONDS:
                raise CannotMeasure(
                    f"group {group} has {left} messages left and no progress for {_STALL_SECONDS:.0f} s"
                )
            await asyncio.sleep(_POLL_SECONDS)
        if on_progress:
            on_progress(0)


@asynccontextmanager
async def observe(system: RunningSystem) -> AsyncGenerator[Observer]:
    """Connect an observer during the block."""
    redis = await connect_redis(system.redis_url, wait_seconds=system.settings.start_timeout_seconds)
    try:
        connection = await asyncpg.connect(system.database_url)
        try:
            yield Observer(system, redis, connection)
        finally:
            await connection.close()
    finally:
        await redis.aclose()
