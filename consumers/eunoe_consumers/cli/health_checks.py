"""The checks of `eunoe health`. Each check says what it found and, if that is a problem, what to do."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import connect_redis, redis_wrapped
from eunoe_consumers.delivery.stream_figures import GroupFigures, read_figures
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import SchemaMismatch
from eunoe_consumers.postgres.health import PostgresInfo, read_info, vector_query_ms
from eunoe_consumers.postgres.migration_files import load_migrations
from eunoe_consumers.postgres.schema_check import check_schema
from eunoe_consumers.postgres.stream_log import Loss, StreamLog
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.settings import Settings
from eunoe_schema import keys
from eunoe_schema.errors import EunoeError

_PINGS = 5
_MINIMUM_PGVECTOR = (0, 8)
_EPOCH_YEAR = 1970


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: The thing that was checked.
        status: `fail`: it does not work. `warn`: it works, and may stop working.
        found: What the check found.
        advice: What to do; empty if nothing.
    """

    name: str
    status: Literal["ok", "warn", "fail"]
    found: str
    advice: str = ""


# Parts of the servers' own messages, and what to do about each. Such a server runs: starting it would not help.
_REMEDIES = {
    "No space left on device": "free space on the disk of {server}: it accepts writes again by itself",
    "MISCONF": "look at the log of {server}: it cannot write to its disk",
    "OOM command not allowed": "free memory, or raise the maxmemory of {server}",
    "loading": "wait: {server} is still reading its data",
    "starting up": "wait: {server} is still reading its data",
    "recovery": "wait: {server} is still reading its data",
    "shutting down": "wait until {server} has stopped, then start it again",
    "READONLY": "{setting} names a replica, which takes no writes: name the primary server",
    "MASTERDOWN": "look at the log of {server}: a replica has lost its primary server",
    "too many": "{server} has no free connection: lower EUNOE_DATABASE_CONNECTIONS or the number of processes",
    "max number of clients": "{server} has no free connection: raise its maxclients",
}


def remedy(error: EunoeError, server: str, setting: str) -> str:
    """Return what to do about a server that cannot be used."""
    text, shows = str(error), "(`eunoe settings` shows its source)"
    found = next((advice for part, advice in _REMEDIES.items() if part in text), None)
    if found is not None:
        return found.format(server=server, setting=setting)
    if isinstance(error, ConfigurationError):
        return f"correct {setting} {shows}"
    if "not reachable" in text:
        return f"start {server}, or correct {setting} {shows}"
    return f"{server} runs, but refuses: look at its log"


async def run_checks(settings: Settings, *, wait_seconds: float) -> list[Check]:
    """Run all checks. If a server cannot be reached, the checks that need it are left out: one failure is enough."""
    checks: list[Check] = []
    tenants: int | None = None
    try:
        info = await read_info(settings.database_url or "", wait_seconds=wait_seconds)
    except EunoeError as error:
        checks.append(Check("postgresql", "fail", str(error), remedy(error, "PostgreSQL", "EUNOE_DATABASE_URL")))
    else:
        checks.append(Check("postgresql", "ok", f"PostgreSQL {info.server_version}"))
        found, tenants = await _check_database(settings, info, wait_seconds=wait_seconds)
        checks += found
    try:
        redis = await connect_redis(settings.redis_url or "", wait_seconds=wait_seconds)
    except EunoeError as error:
        return [Check("redis", "fail", str(error), remedy(error, "Redis", "EUNOE_REDIS_URL")), *checks]
    try:
        with redis_wrapped():
            first = [*await _check_redis(redis), *await _check_groups(redis, settings)]
            first.append(await _check_registry(redis, tenants))
    except EunoeError as error:
        first = [Check("redis", "fail", str(error), remedy(error, "Redis", "EUNOE_REDIS_URL"))]
    finally:
        await redis.aclose()
    return first + checks


async def _check_redis(redis: Redis) -> list[Check]:
    info = cast("Mapping[str, Any]", await redis.info())
    latencies: list[float] = []
    for _ in range(_PINGS):
        began = time.perf_counter()
        await redis.echo("eunoe")
        latencies.append((time.perf_counter() - began) * 1000)
    version = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    checks = [Check("redis", "ok", f"{version}, {sorted(latencies)[_PINGS // 2]:.2f} ms")]
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        advice = "CONFIG SET maxmemory-policy noeviction: others evict windows and streams when memory is full"
        checks.append(Check("redis eviction", "warn", f"maxmemory-policy is {policy}", advice))
    if not info.get("aof_enabled", 1):
        advice = "CONFIG SET appendonly yes: without it, a crash of Redis loses messages that have a receipt"
        checks.append(Check("redis persistence", "warn", "the append-only file is off", advice))
    return checks


async def _check_groups(redis: Redis, settings: Settings) -> list[Check]:
    figures = await read_figures(redis)
    uptime = float(cast("Mapping[str, int]", await redis.info("server"))["uptime_in_seconds"])
    # After a restart, Redis counts the idle time of every consumer from its own start. A consumer that has sent
    # nothing since then would look alive, so it must have been idle for less than the uptime.
    alive_seconds = min(settings.claim_after_seconds, max(0.0, uptime - 1))
    return [_check_group(group, alive_seconds=alive_seconds) for group in figures.groups]


def _check_group(group: GroupFigures, *, alive_seconds: float) -> Check:
    name, start = f"role {group.group}", f"start one: `eunoe consume {group.group}`"
    if not group.exists:
        found = "there is no consumer group: no consumer has run yet, or Redis has lost its data"
        return Check(name, "fail", found, start)
    alive = sum(consumer.idle_seconds < alive_seconds for consumer in group.consumers)
    counts = f"lag {'unknown' if group.lag is None else group.lag}, {group.pending} pending, {group.dead} dead"
    if not alive:
        return Check(name, "fail", f"no consumer is alive; {counts}", start)
    found = f"{alive} alive; {counts}"
    if group.dead:
        advice = (
            f"`eunoe dead list {group.group}` shows the reasons: `eunoe dead replay` after the cause is fixed, "
            "`eunoe dead drop` if it cannot be fixed"
        )
        return Check(name, "warn", found, advice)
    if gone := len(group.consumers) - alive:
        advice = "nothing to do: other consumers claim their entries and remove them from the group"
        return Check(name, "warn", f"{found}; {gone} gone", advice)
    return Check(name, "ok", found)


async def _check_registry(redis: Redis, tenants: int | None) -> Check:
    filled = await redis.sismember(keys.TENANTS, keys.REGISTRY_MARK)
    known = await redis.scard(keys.TENANTS) - (1 if filled else 0)
    if not filled:
        advice = "start any consumer, it fills the registry from the database; or add a tenant: `eunoe tenant add NAME`"
        return Check("tenant registry", "fail", "Redis has no registry: every event is refused", advice)
    if tenants is not None and known < tenants:
        found = f"{known} tenants in Redis, {tenants} in the database"
        return Check("tenant registry", "warn", found, "DEL eunoe:tenants: a running consumer fills it again")
    if not known:
        return Check("tenant registry", "warn", "there is no tenant", "add one: `eunoe tenant add NAME`")
    return Check("tenant registry", "ok", f"{known} tenant{'' if known == 1 else 's'}")


async def _check_database(
    settings: Settings, info: PostgresInfo, *, wait_seconds: float
) -> tuple[list[Check], int | None]:
    """Return the checks of a database that answers, and its number of tenants if that could be read."""
    url, dimensions = settings.database_url or "", settings.embedding_dimensions
    checks: list[Check] = [_check_extension(info)]
    try:
        await check_schema(url, embedding_dimensions=dimensions)
    except SchemaMismatch as error:
        return [*checks, Check("schema", "fail", str(error), "see the message")], None
    except EunoeError as error:
        return [*checks, Check("schema", "fail", str(error), remedy(error, "PostgreSQL", "EUNOE_DATABASE_URL"))], None
    checks.append(Check("schema", "ok", f"migration {load_migrations()[-1].version}, {dimensions} dimensions"))
    try:
        async with await Database.connect(
            url, connections=1, statement_cache_size=settings.statement_cache_size, wait_seconds=wait_seconds
        ) as database:
            took_ms = await vector_query_ms(database, embedding_dimensions=dimensions)
            tenants = len(await TenantTable(database).ids())
            losses = await StreamLog(database).losses()
    except EunoeError as error:
        advice = "the login needs the roles eunoe_recall and eunoe_ingest: see sql/eunoe_sql/bootstrap.sql"
        return [*checks, Check("vector query", "fail", str(error), advice)], None
    checks.append(Check("vector query", "ok", f"{took_ms:.2f} ms"))
    counts = ", ".join(f"{name} {count}" for name, count in info.row_counts.items())
    checks.append(Check("rows", "ok", f"about: {counts}"))
    checks += [_check_loss(loss) for loss in losses] or [Check("lost messages", "ok", "none known")]
    return checks, tenants


def _check_extension(info: PostgresInfo) -> Check:
    name = "extension vector"
    if info.vector_version is None:
        return Check(name, "fail", "is not installed", "run `eunoe migrate up`; the server needs pgvector")
    if tuple(int(part) for part in info.vector_version.split(".")[:2]) < _MINIMUM_PGVECTOR:
        found = f"version {info.vector_version}, {'.'.join(map(str, _MINIMUM_PGVECTOR))} or later is needed"
        return Check(name, "fail", found, "upgrade pgvector, then ALTER EXTENSION vector UPDATE")
    return Check(name, "ok", f"version {info.vector_version}")


def _check_loss(loss: Loss) -> Check:
    before = f"{loss.lost_before:%Y-%m-%d %H:%M:%S.%f} UTC"
    # A loss that begins at the epoch: nothing was known to be durable yet.
    known = loss.lost_after.year > _EPOCH_YEAR
    span = f"between {loss.lost_after:%Y-%m-%d %H:%M:%S.%f} and {before}" if known else f"before {before}"
    return Check(
        "lost messages",
        "warn",
        f"Redis lost {loss.stream}: messages published {span} may be lost, and all earlier dead letters are lost",
        "publish the messages of that time again: a message that is stored already changes nothing. Then run "
        "`eunoe health --dismiss-losses`",
    )


async def dismiss_losses(settings: Settings, *, wait_seconds: float) -> int:
    """Dismiss the known data losses; return their number.

    Raises:
        EunoeError: If PostgreSQL fails, or the login may not take the owner's role.
    """
    async with await Database.connect(
        settings.database_url or "", connections=1, wait_seconds=wait_seconds
    ) as database:
        stream_log = StreamLog(database)
        if losses := await stream_log.losses():
            await stream_log.dismiss(losses)
    return len(losses)
