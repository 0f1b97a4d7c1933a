"""`eunoe index`: show the giant scopes, and build the indexes of their approximate search."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn
from rich.table import Table

from eunoe_consumers.cli.console import line, output, print_json, progress
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.postgres.giants.indexes import IndexChanges, ScopeIndexes
    from eunoe_consumers.postgres.giants.plan import Survey
    from eunoe_consumers.postgres.giants.scopes import GiantScope

EXAMPLES = "Examples: eunoe index; eunoe index --json; eunoe index --build"
_NO_LIMIT = 1_000_000  # more scopes than a database could hold
_WAIT_SECONDS = 600.0


def index(
    *,
    build: Annotated[bool, typer.Option("--build", help="Build missing indexes, and drop unused ones.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the giant scopes, with more turns than EUNOE_ANN_SCOPE_ROWS, and the state of their indexes.

    Recall searches a scope exactly. In a giant scope, an exact search takes too long. As soon as the scope has its own
    HNSW index, the search uses the index and is approximate. A scope keeps its index until it has shrunk to half of the
    limit.

    Building an index takes minutes, and blocks neither readers nor writers. It is faster if the server's
    maintenance_work_mem can hold the whole index, about 1.6 KB per turn. With --build, the login must be able to take
    the role eunoe_owner, and EUNOE_DATABASE_URL must not point to a pgbouncer.
    """
    from eunoe_consumers.cli.logs import configure_logs  # noqa: PLC0415 - structlog

    with servers(Settings(), redis=False) as resolved:
        configure_logs(resolved)
        survey, changes = asyncio.run(_run(resolved, build=build))
    if as_json:
        print_json(_document(survey, changes))
    else:
        _print(survey, changes)


async def _run(settings: Settings, *, build: bool) -> "tuple[Survey, IndexChanges | None]":
    from eunoe_consumers.postgres.giants.indexes import IndexShape, ScopeIndexes  # noqa: PLC0415
    from eunoe_consumers.postgres.schema_check import open_database  # noqa: PLC0415 - asyncpg

    url, dimensions = settings.database_url or "", settings.embedding_dimensions
    shape = IndexShape(settings.ann_scope_rows, settings.ann_m, settings.ann_ef_construction)
    async with open_database(url, settings, embedding_dimensions=dimensions, connections=1) as database:
        indexes = ScopeIndexes(database, url, shape)
        changes = await _build(indexes) if build else None
        return await indexes.survey(), changes


async def _build(indexes: "ScopeIndexes") -> "IndexChanges":
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with progress(*columns, transient=True) as bars:
        bar = bars.add_task("looking for giant scopes", total=None)
        done = 0

        def show(giant: "GiantScope", left: int) -> None:
            nonlocal done
            about = f"index of {giant.scope}, {giant.rows:,} turns"
            bars.update(bar, description=about, completed=done, total=done + left)
            done += 1

        return await indexes.update(builds=_NO_LIMIT, wait_seconds=_WAIT_SECONDS, on_build=show)


def _state(giant: "GiantScope", survey: "Survey") -> str:
    usable = survey.indexes.get(giant.index_name)
    if usable is None:
        return "missing"
    if not usable:
        return "unfinished"
    return "ready" if giant.listed_at else "unlisted"


def _unused(survey: "Survey") -> list[str]:
    return sorted(survey.indexes.keys() - {giant.index_name for giant in survey.giants})


def _document(survey: "Survey", changes: "IndexChanges | None") -> dict[str, object]:
    done: dict[str, object] = {}
    if changes is not None:
        done = {"built": [giant.index_name for giant in changes.built], "dropped": [*changes.dropped]}
    scopes = [
        {
            **giant.scope.model_dump(mode="json"),
            "rows": giant.rows,
            "index": giant.index_name,
            "state": _state(giant, survey),
            "listed_at": giant.listed_at,
        }
        for giant in survey.giants
    ]
    return {"scopes": scopes, "unused_indexes": _unused(survey), **done}


def _print(survey: "Survey", changes: "IndexChanges | None") -> None:
    if changes is not None:
        output.print(f"built {len(changes.built)}, dropped {len(changes.dropped)}")
    if not survey.giants:
        output.print("no scope has more turns than EUNOE_ANN_SCOPE_ROWS: every search is exact")
    else:
        table = Table("tenant", "agent", "user", "turns", "index", "listed at")
        for giant in survey.giants:
            state = _state(giant, survey)
            table.add_row(
                str(giant.scope.tenant_id),
                str(giant.scope.agent_id),
                giant.scope.user_id,
                f"{giant.rows:,}",
                line(state, "green" if state == "ready" else "yellow"),
                f"{giant.listed_at:%Y-%m-%d %H:%M:%S}" if giant.listed_at else "",
            )
        output.print(table)
    if unused := _unused(survey):
        output.print(f"{len(unused)} indexes serve no scope (`eunoe index --build` drops them)", style="yellow")
