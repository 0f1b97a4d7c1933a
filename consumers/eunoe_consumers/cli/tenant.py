"""`eunoe tenant`: who may publish."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer
from rich.table import Table

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.store.tenants import TenantRegistry, TenantTable

ResultT = TypeVar("ResultT")
app = typer.Typer(no_args_is_help=True, help="Register and remove tenants.")
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name of 1 to 200 characters, unique.")],
    *,
    tenant_id: Annotated[UUID | None, typer.Option("--id", help="Its UUID; made where absent.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Register a tenant, so that its events are taken."""

    async def run(table: "TenantTable", registry: "TenantRegistry") -> UUID:
        tenant = await table.add(name, tenant_id)
        await registry.add(tenant.id)
        return tenant.id

    added = _administer(run)
    if as_json:
        print_json({"id": added, "name": name})
    else:
        output.print(f"tenant [bold]{added}[/] ({name}) is registered")


@app.command("list")
def show(*, as_json: JsonOption = False) -> None:
    """List the tenants, the oldest first."""

    async def run(table: "TenantTable", _: "TenantRegistry") -> list[dict[str, object]]:
        return [{"id": t.id, "name": t.name, "created_at": t.created_at} for t in await table.registered()]

    tenants = _administer(run)
    if as_json:
        print_json(tenants)
        return
    table = Table("id", "name", "created at")
    for tenant in tenants:
        table.add_row(*map(str, tenant.values()))
    output.print(table)


@app.command()
def remove(
    tenant: Annotated[str, typer.Argument(help="Its UUID or its name.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a tenant with every row and every key of it. Its events are refused from then on."""
    if not yes:
        typer.confirm(f"Delete tenant {tenant} with all its conversations?", abort=True)

    async def run(table: "TenantTable", registry: "TenantRegistry") -> tuple[UUID, int]:
        found = await table.find(tenant)
        if found is None:
            msg = f"there is no tenant {tenant!r}: `eunoe tenant list` shows them"
            raise ConfigurationError(msg)
        await table.remove(found.id)  # first the table: a consumer that misses the id in Redis would look there
        return found.id, await registry.remove(found.id)

    removed, keys = _administer(run)
    if as_json:
        print_json({"id": removed, "keys_deleted": keys})
    else:
        output.print(f"tenant [bold]{removed}[/] is removed, with {keys} keys in Redis and all its rows")


def _administer(action: "Callable[[TenantTable, TenantRegistry], Awaitable[ResultT]]") -> ResultT:
    from eunoe_consumers.connections import connect_redis  # noqa: PLC0415 - redis
    from eunoe_consumers.store.database import Database  # noqa: PLC0415 - asyncpg
    from eunoe_consumers.store.migrations import check_schema  # noqa: PLC0415 - asyncpg
    from eunoe_consumers.store.tenants import TenantRegistry, TenantTable  # noqa: PLC0415 - asyncpg

    async def run(settings: Settings) -> ResultT:
        database_url, redis_url = settings.database_url or "", settings.redis_url or ""
        await check_schema(database_url, embedding_dimensions=settings.embedding_dimensions)
        redis = await connect_redis(redis_url, wait_seconds=settings.start_timeout_seconds)
        try:
            async with await Database.connect(database_url, connections=1) as database:
                table = TenantTable(database)
                return await action(table, TenantRegistry(redis, table))
        finally:
            await redis.aclose()

    with servers(Settings()) as resolved:
        return asyncio.run(run(resolved))
