"""`eunoe migrate`: change the database's schema. No other command changes it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from eunoe_consumers.cli.console import confirm, line, output, print_json
from eunoe_consumers.cli.options import JsonOption, YesOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.postgres.migration_files import Migration
    from eunoe_consumers.postgres.migrations import Migrator

ResultT = TypeVar("ResultT")
app = typer.Typer(no_args_is_help=True, help="Apply and roll back the database's migrations.")


@app.command(epilog="Example: eunoe migrate up")
def up(*, as_json: JsonOption = False) -> None:
    """Create the roles, the extension, and everything that the schema lacks.

    Several processes may run it at the same time: exactly one applies each migration. EUNOE_EMBEDDING_DIMENSIONS sets
    the width of the embeddings, which cannot be changed later. The login must be allowed to create roles and the
    extension.
    """
    applied = _migrate(lambda migrator: migrator.up())
    _report("applied", applied, "nothing to apply: the schema is current", as_json=as_json)


@app.command(epilog="Example: eunoe migrate down --steps 1")
def down(
    *,
    steps: Annotated[int, typer.Option(min=1, help="How many migrations to roll back.")] = 1,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Roll back the last migrations. Their tables are dropped with all rows; extension and roles stay."""
    if not yes:
        confirm(f"Drop the tables of the last {steps} migration(s), with all their rows?")
    rolled_back = _migrate(lambda migrator: migrator.down(steps=steps))
    _report("rolled back", rolled_back, "nothing to roll back", as_json=as_json)


@app.command(epilog="Example: eunoe migrate status --json")
def status(*, as_json: JsonOption = False) -> None:
    """Show every migration, and whether the database has it."""
    found = _migrate(lambda migrator: migrator.status())
    if as_json:
        print_json([{"version": row.version, "name": row.name, "applied": row.applied} for row in found])
        return
    table = Table("version", "name", "applied")
    for row in found:
        table.add_row(row.version, row.name, line("yes", "green") if row.applied else line("no", "yellow"))
    output.print(table)


def migrate_up(settings: Settings) -> list["Migration"]:
    """Apply missing migrations to the database that `settings` name; return them.

    Raises:
        SchemaMismatch: If the database's embeddings have another width than EUNOE_EMBEDDING_DIMENSIONS.
        StoreUnavailable: If PostgreSQL cannot be reached, or refuses.
    """
    return asyncio.run(_with_migrator(settings, lambda migrator: migrator.up()))


def _report(verb: str, migrations: "list[Migration]", nothing: str, *, as_json: bool) -> None:
    if as_json:
        print_json({verb.replace(" ", "_"): [f"{migration.version}_{migration.name}" for migration in migrations]})
        return
    for migration in migrations:
        output.print(f"{verb} {migration.version} {migration.name}")
    if not migrations:
        output.print(nothing)


def _migrate(action: "Callable[[Migrator], Awaitable[ResultT]]") -> ResultT:
    with servers(Settings(), redis=False) as resolved:
        return asyncio.run(_with_migrator(resolved, action))


async def _with_migrator(settings: Settings, action: "Callable[[Migrator], Awaitable[ResultT]]") -> ResultT:
    from eunoe_consumers.postgres.migrations import HnswOptions, Migrator  # noqa: PLC0415 - asyncpg

    async with Migrator.connect(
        settings.database_url or "",
        embedding_dimensions=settings.embedding_dimensions,
        hnsw=HnswOptions(settings.hnsw_m, settings.hnsw_ef_construction),
        wait_seconds=settings.start_timeout_seconds,
    ) as migrator:
        return await action(migrator)
