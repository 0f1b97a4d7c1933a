"""`eunoe migrate`: change the database's schema; nothing else ever does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.postgres.migrations import Migrator

ResultT = TypeVar("ResultT")
app = typer.Typer(no_args_is_help=True, help="Apply and roll back the database's migrations.")


@app.command()
def up(*, as_json: JsonOption = False) -> None:
    """Create the roles, the extension and whatever is missing of the schema.

    Safe to run from several places at once: exactly one applies each migration. The width of the embeddings is
    EUNOE_EMBEDDING_DIMENSIONS, fixed from then on. The login needs the right to create roles and the extension.
    """
    applied = _migrate(lambda migrator: migrator.up())
    if as_json:
        print_json({"applied": [f"{migration.version}_{migration.name}" for migration in applied]})
        return
    for migration in applied:
        output.print(f"applied [bold]{migration.version}[/] {migration.name}")
    if not applied:
        output.print("nothing to apply: the schema is current")


@app.command()
def down(
    *,
    steps: Annotated[int, typer.Option(min=1, help="How many migrations to roll back.")] = 1,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Roll back the last migrations. Their tables are dropped with what they hold; extension and roles stay."""
    if not yes:
        typer.confirm(f"Drop what the last {steps} migration(s) made, with all data in it?", abort=True)
    rolled_back = _migrate(lambda migrator: migrator.down(steps=steps))
    if as_json:
        print_json({"rolled_back": [f"{migration.version}_{migration.name}" for migration in rolled_back]})
        return
    for migration in rolled_back:
        output.print(f"rolled back [bold]{migration.version}[/] {migration.name}")
    if not rolled_back:
        output.print("nothing to roll back")


@app.command()
def status(*, as_json: JsonOption = False) -> None:
    """Show which migrations the database has."""
    found = _migrate(lambda migrator: migrator.status())
    if as_json:
        print_json([{"version": row.version, "name": row.name, "applied": row.applied} for row in found])
        return
    table = Table("version", "name", "applied")
    for row in found:
        table.add_row(row.version, row.name, "[green]yes" if row.applied else "[yellow]no")
    output.print(table)


def _migrate(action: "Callable[[Migrator], Awaitable[ResultT]]") -> ResultT:
    from eunoe_consumers.postgres.migrations import HnswOptions, Migrator  # noqa: PLC0415 - asyncpg

    settings = Settings()
    hnsw = HnswOptions(settings.hnsw_m, settings.hnsw_ef_construction)

    async def run(url: str) -> ResultT:
        async with Migrator.connect(
            url,
            embedding_dimensions=settings.embedding_dimensions,
            hnsw=hnsw,
            wait_seconds=settings.start_timeout_seconds,
        ) as migrator:
            return await action(migrator)

    with servers(settings, redis=False) as resolved:
        return asyncio.run(run(resolved.database_url or ""))
