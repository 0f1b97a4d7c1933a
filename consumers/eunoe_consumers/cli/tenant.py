"""`eunoe tenant`: register, list and remove tenants."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer
from rich.table import Table

from eunoe_consumers.cli.console import confirm, output, print_json
from eunoe_consumers.cli.options import JsonOption, YesOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.cli.tenant_administration import Tenants

ResultT = TypeVar("ResultT")
app = typer.Typer(no_args_is_help=True, help="Register, list and remove tenants.")


@app.command(epilog="Example: eunoe tenant add acme --language german")
def add(
    name: Annotated[str, typer.Argument(help="A unique name of 1 to 200 characters.")],
    *,
    tenant_id: Annotated[UUID | None, typer.Option("--id", help="The tenant's UUID.  [default: a new one]")] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="The PostgreSQL text search configuration that stems words, such as `german`. Use `simple` for a "
            "script that it cannot stem. It cannot be changed later.",
            show_default="english",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Register a tenant. Gateways can publish its events from then on."""
    added = _administer(lambda tenants: tenants.add(name, tenant_id, language=language))
    if as_json:
        print_json({"id": added.id, "name": added.name, "language": added.language})
    else:
        output.print(f"tenant {added.id} ({added.name}, {added.language}) is registered")


@app.command("list", epilog="Example: eunoe tenant list --json")
def show(*, as_json: JsonOption = False) -> None:
    """List the tenants, the oldest first."""
    found = _administer(lambda tenants: tenants.table.registered())
    if as_json:
        print_json([asdict(tenant) for tenant in found])
        return
    if not found:
        output.print("there is no tenant: `eunoe tenant add NAME` registers one")
        return
    table = Table("id", "name", "language", "created at")
    for tenant in found:
        table.add_row(str(tenant.id), tenant.name, tenant.language, f"{tenant.created_at:%Y-%m-%d %H:%M:%S}")
    output.print(table)


@app.command(epilog="Example: eunoe tenant remove acme --yes")
def remove(
    tenant: Annotated[str, typer.Argument(help="The tenant's UUID or name.")],
    *,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a tenant with all its rows and keys. Its events are refused from then on."""
    if not yes:
        confirm(f"Delete tenant {tenant} with all its conversations?")

    async def run(tenants: "Tenants") -> tuple[UUID, int]:
        found = await tenants.table.find(tenant)
        if found is None:
            raise ConfigurationError(f"there is no tenant {tenant!r}: `eunoe tenant list` shows all tenants")
        return found.id, await tenants.remove(found.id)

    removed, keys = _administer(run)
    if as_json:
        print_json({"id": removed, "keys_deleted": keys})
    else:
        output.print(f"tenant {removed} is removed, with {keys} keys in Redis and all its rows")
        output.print("Its messages stay on the stream and in the dead letters until those are trimmed.", style="dim")


def _administer(action: "Callable[[Tenants], Awaitable[ResultT]]") -> ResultT:
    from eunoe_consumers.cli.tenant_administration import open_tenants  # noqa: PLC0415 - asyncpg

    async def run(settings: Settings) -> ResultT:
        async with open_tenants(settings) as tenants:
            return await action(tenants)

    with servers(Settings()) as resolved:
        return asyncio.run(run(resolved))
