"""The checks of `eunoe health`: each names what it found and, where that is not well, what to do."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis.asyncio import Redis

from eunoe_consumers.cli.stream_figures import GroupFigures, read_figures
from eunoe_consumers.connections import connect_redis, redis_wrapped
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import SchemaMismatch
from eunoe_consumers.postgres.health import PostgresInfo, read_info, vector_query_ms
from eunoe_consumers.postgres.migrations import check_schema, load_migrations
from eunoe_consumers.postgres.stream_log import Loss, StreamLog
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.settings import Settings
from eunoe_schema import keys
from eunoe_schema.errors import EunoeError

Status = Literal["ok", "warn", "fail"]
_PINGS = 5
_LEAST_VECTOR = (0, 8)
_EPOCH_YEAR = 1970


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What was looked at.
        status: `fail`: something does not work; `warn`: it may not for long.
        found: What was found.
        advice: What to do; empty where all is well.
    """

    name: str
    status: Status
    found: str
    advice: str = ""


async def run_checks(settings: Settings, *, wait_seconds: float) -> list[Check]:
    """Run every check; one that needs a server that is away is left out, since that server's failure says it all."""
    checks: list[Check] = []
    tenants: int | None = None
    try:
        info = await read_info(settings.database_url or "", wait_seconds=wait_seconds)
    except EunoeError as error:
        advice = "start PostgreSQL, or correct EUNOE_DATABASE_URL (`eunoe settings` shows where it comes from)"
        checks.append(Check("postgresql", "fail", str(error), advice))
    else:
        checks.append(Check("postgresql", "ok", f"PostgreSQL {info.server_version}"))
        found, tenants = await _check_database(settings, info, wait_seconds=wait_seconds)
        checks += found
    try:
        redis = await connect_redis(settings.redis_url or "", wait_seconds=wait_seconds)
    except EunoeError as error:
        advice = "start Redis, or correct EUNOE_REDIS_URL (`eunoe settings` shows where it comes from)"
        return [Check("redis", "fail", str(error), advice), *checks]
    try:
        with redis_wrapped():
            first = [*await _check_redis(redis), *await _check_groups(redis, settings)]
            first.append(await _check_registry(redis, tenants))
    except EunoeError as error:
        first = [Check("redis", "fail", str(error), "look at the server's log")]
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
        advice = (
            "CONFIG SET maxmemory-policy noeviction: anything else throws windows and streams away when memory is full"
        )
        checks.append(Check("redis eviction", "warn", f"maxmemory-policy is {policy}", advice))
    if not info.get("aof_enabled", 1):
        advice = "CONFIG SET appendonly yes: without it, a crash of Redis loses messages that have a receipt"
        checks.append(Check("redis persistence", "warn", "the append-only file is off", advice))
    return checks


async def _check_groups(redis: Redis, settings: Settings) -> list[Check]:
    figures = await read_figures(redis)
    with redis_wrapped():
        uptime = float(cast("Mapping[str, int]", await redis.info("server"))["uptime_in_seconds"])
    # A server that has just started counts idleness from its start: who was not heard of since then is not alive.
    alive_seconds = min(settings.claim_after_seconds, max(0.0, uptime - 1))
    return [_check_group(group, alive_seconds=alive_seconds) for group in figures.groups]


def _check_group(group: GroupFigures, *, alive_seconds: float) -> Check:
    name, start = f"role {group.group}", f"start one: `eunoe consume {group.group}`"
    alive = sum(consumer.idle_seconds < alive_seconds for consumer in group.consumers)
    waiting = f"lag {'unknown' if group.lag is None else group.lag}, {group.pending} pending, {group.dead} dead"
    if not group.exists:
        return Check(
            name, "fail", "there is no consumer group: no consumer has run yet, or Redis has lost its data", start
        )
    if not alive:
        return Check(name, "fail", f"no consumer is alive; {waiting}", start)
    found = f"{alive} alive; {waiting}"
    if group.dead:
        return Check(
            name,
            "warn",
            found,
            f"`eunoe dead list {group.group}` shows why: `eunoe dead replay` once that is mended, "
            "`eunoe dead drop` for what cannot be",
        )
    gone = len(group.consumers) - alive
    if gone:
        return Check(name, "warn", f"{found}; {gone} gone", "nothing: the others take over what it had, and dismiss it")
    return Check(name, "ok", found)


async def _check_registry(redis: Redis, tenants: int | None) -> Check:
    filled = await redis.sismember(keys.TENANTS, keys.REGISTRY_MARK)
    known = await redis.scard(keys.TENANTS) - (1 if filled else 0)
    if not filled:
        advice = (
            "start any consumer, which fills it from the database, or add the first tenant: `eunoe tenant add NAME`"
        )
        return Check("tenant registry", "fail", "Redis holds no registry: every event is refused", advice)
    if tenants is not None and known < tenants:
        found = f"{known} tenants in Redis, {tenants} in the database"
        return Check("tenant registry", "warn", found, "DEL eunoe:tenants: a running consumer fills it again")
    if not known:
        return Check("tenant registry", "warn", "there is no tenant", "add one: `eunoe tenant add NAME`")
    return Check("tenant registry", "ok", f"{known} tenant{'' if known == 1 else 's'}")


async def _check_database(
    settings: Settings, info: PostgresInfo, *, wait_seconds: float
) -> tuple[list[Check], int | None]:
    """Return the checks of a database that answers, and how many tenants it has, where that is known."""
    url, dimensions = settings.database_url or "", settings.embedding_dimensions
    checks: list[Check] = [_check_extension(info)]
    try:
        await check_schema(url, embedding_dimensions=dimensions)
    except SchemaMismatch as error:
        return [*checks, Check("schema", "fail", str(error), "as it says")], None
    except EunoeError as error:
        return [*checks, Check("schema", "fail", str(error), "look at the server's log")], None
    checks.append(Check("schema", "ok", f"migration {load_migrations()[-1].version}, {dimensions} dimensions"))
    try:
        async with await Database.connect(
            url, connections=1, statement_cache_size=settings.statement_cache_size, wait_seconds=wait_seconds
        ) as database:
            took_ms = await vector_query_ms(database, embedding_dimensions=dimensions)
            tenants = len(await TenantTable(database).ids())
            losses = await StreamLog(database).losses()
    except EunoeError as error:
        advice = "the login must be granted eunoe_recall and eunoe_ingest: see sql/eunoe_sql/bootstrap.sql"
        return [*checks, Check("vector query", "fail", str(error), advice)], None
    checks.append(Check("vector query", "ok", f"{took_ms:.2f} ms"))
    counts = ", ".join(f"{name} {count}" for name, count in info.row_counts.items())
    checks.append(Check("rows", "ok", f"about: {counts}"))
    checks += [_check_loss(loss) for loss in losses] or [Check("lost messages", "ok", "none known")]
    return checks, tenants


def _check_loss(loss: Loss) -> Check:
    before = f"{loss.lost_before:%Y-%m-%d %H:%M:%S.%f} UTC"
    # At the epoch nothing was known to be durable yet.
    span = (
        f"between {loss.lost_after:%Y-%m-%d %H:%M:%S.%f} and {before}"
        if loss.lost_after.year > _EPOCH_YEAR
        else f"before {before}"
    )
    return Check(
        "lost messages",
        "warn",
        f"Redis lost {loss.stream}: messages published {span} may be lost, and the dead letters of before",
        "publish the messages of that time again: those that are stored change nothing; then `eunoe health "
        "--dismiss-losses`",
    )


async def dismiss_losses(settings: Settings, *, wait_seconds: float) -> int:
    """Forget the losses that are known; return how many there were.

    Raises:
        EunoeError: If PostgreSQL failed, or the login may not take on the owner's role.
    """
    async with await Database.connect(
        settings.database_url or "", connections=1, wait_seconds=wait_seconds
    ) as database:
        stream_log = StreamLog(database)
        if losses := await stream_log.losses():
            await stream_log.dismiss(losses)
    return len(losses)


def _check_extension(info: PostgresInfo) -> Check:
    if info.vector_version is None:
        return Check(
            "extension vector", "fail", "is not installed", "run `eunoe migrate up`; the server needs pgvector"
        )
    if tuple(int(part) for part in info.vector_version.split(".")[:2]) < _LEAST_VECTOR:
        least = ".".join(map(str, _LEAST_VECTOR))
        return Check(
            "extension vector",
            "fail",
            f"version {info.vector_version}, {least} is needed",
            "upgrade pgvector, then ALTER EXTENSION vector UPDATE",
        )
    return Check("extension vector", "ok", f"version {info.vector_version}")
