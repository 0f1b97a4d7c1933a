"""Compare the search of turns with brute force: it is exact in ordinary scopes, and approximate in a giant one.

Brute force uses the same vectors, rounded to half precision as PostgreSQL stores them.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated, TypeAlias

import asyncpg
import numpy as np
import typer
from common import (
    AGENT,
    CannotMeasure,
    Figure,
    JsonOption,
    Report,
    changed_settings,
    command_line,
    machine,
    percentile,
    progress_bars,
    rounded,
    run,
)
from numpy.typing import NDArray
from rich.progress import Progress

from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.devservers import embedded_servers
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.giants.indexes import IndexShape, ScopeIndexes
from eunoe_consumers.postgres.giants.scopes import index_name
from eunoe_consumers.postgres.giants.search import nearest_approximately
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.settings import Settings
from eunoe_schema import Scope
from eunoe_tests.vectors import BruteForce, clustered, write_vectors

SEED = 11
ORDINARY_SCOPES = 20
ORDINARY_ROWS = 500
ROWS_PER_CENTRE = 100
QUICK_ROWS = 6_000
WARM_UP_QUERIES = 10
# ef_search, and the number of requested turns: ten as in a reply, a hundred as the ranking needs.
CASES = ((40, 10), (100, 10), (200, 10), (100, 100), (200, 100))

Vectors: TypeAlias = NDArray[np.float32]
Search: TypeAlias = Callable[[Scope, Vectors, int], Awaitable[Sequence[int]]]


@dataclass(frozen=True)
class Measured:
    """The recall and the milliseconds of each query of one kind of search."""

    recalls: Sequence[float]
    milliseconds: Sequence[float]


@dataclass(frozen=True)
class Findings:
    """The results of a run.

    Attributes:
        ordinary: Exact search in every ordinary scope.
        exact: Exact search in the giant scope, by the number of requested turns.
        approximate: Search in the index of the giant scope, by ef_search and the number of requested turns.
        build_seconds: The time to build that index.
        index_mb: The size of that index.
        work_mem: The maintenance_work_mem of the server.
    """

    ordinary: Measured
    exact: dict[int, Measured]
    approximate: dict[tuple[int, int], Measured]
    build_seconds: float
    index_mb: float
    work_mem: str


app = command_line()


@app.command()
def main(
    *,
    rows: Annotated[int, typer.Option(min=1_000, help="Turns of the giant scope.")] = 60_000,
    queries: Annotated[int, typer.Option(min=20, help="Queries of each case.")] = 200,
    quick: Annotated[bool, typer.Option("--quick", help=f"A giant of {QUICK_ROWS:,} turns.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Search ordinary scopes and a giant one, exactly and approximately, and compare with brute force."""
    rows = QUICK_ROWS if quick else rows
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-benchmark-")))
        progress = stack.enter_context(progress_bars())
        urls = stack.enter_context(embedded_servers(folder / "data", redis=False))
        settings = Settings(database_url=urls.database_url)
        configure_logs(settings)  # logs go to standard error
        findings = asyncio.run(measure(settings, rows, queries, progress))
    about = (
        f"unit vectors around one centre for each {ROWS_PER_CENTRE} turns (seed {SEED}), written with TurnWriter: a "
        f"giant scope of {rows} turns, and {ORDINARY_SCOPES} scopes of {ORDINARY_ROWS} turns around the same centres; "
        f"VACUUM ANALYZE before measuring; {queries} queries of each case, around the same centres, one at a time over "
        "one connection. recall_at_K: share of the K nearest by brute force that was found; that of exact search is "
        "the worst query's, else it is the mean. Milliseconds hold the transaction, which takes on its role; those of "
        f"exact search hold the texts as well. {changed_settings(settings)}, hnsw m={settings.ann_m} "
        f"ef_construction={settings.ann_ef_construction}, built with maintenance_work_mem {findings.work_mem}. "
        f"{machine()}."
    )
    Report("exactness", list(figures(findings)), about).print(as_json=as_json)


def figures(findings: Findings) -> Iterable[Figure]:
    """Yield the report's figures."""
    exact_ms = {top_k: percentile(found.milliseconds, 50) for top_k, found in findings.exact.items()}
    yield Figure("recall_ordinary", min(findings.ordinary.recalls), "share", "higher", must=1.0)
    yield Figure("p50_ordinary", rounded(percentile(findings.ordinary.milliseconds, 50)), "ms", "lower")
    for top_k, found in findings.exact.items():
        yield Figure(f"recall_at_{top_k}_exact", min(found.recalls), "share", "higher", must=1.0)
        yield Figure(f"p50_at_{top_k}_exact", rounded(exact_ms[top_k]), "ms", "lower")
    for (candidates, top_k), found in findings.approximate.items():
        milliseconds = percentile(found.milliseconds, 50)
        case = f"at_{top_k}_ef_{candidates}"
        yield Figure(f"recall_{case}", rounded(mean(found.recalls)), "share", "higher")
        yield Figure(f"p50_{case}", rounded(milliseconds), "ms", "lower")
        yield Figure(f"ratio_{case}", rounded(milliseconds / exact_ms[top_k]), "approximate / exact", "lower")
    yield Figure("build", rounded(findings.build_seconds), "s", "lower")
    yield Figure("index", rounded(findings.index_mb), "MB", "lower")


async def measure(settings: Settings, rows: int, queries: int, progress: Progress) -> Findings:
    """Fill a table, search it exactly, build the index of the giant scope, and search that index."""
    url = settings.database_url or ""
    async with Migrator.connect(url, embedding_dimensions=settings.embedding_dimensions) as migrator:
        await migrator.up()
    async with await Database.connect(url, connections=1) as database:
        tenant_id = (await TenantTable(database).add("benchmark")).id
        giant = Scope(tenant_id=tenant_id, agent_id=AGENT, user_id="giant")
        centres = rows // ROWS_PER_CENTRE
        truths = await fill(database, giant, rows, centres, progress)
        async with connected(url) as login:
            await login.execute("VACUUM (ANALYZE)")
        exact = Exact(database)
        asked = clustered(queries, seed=SEED + 1, clusters=centres)
        ordinary = [
            await searched(exact.search, scope, truth, asked[: max(20, queries // ORDINARY_SCOPES)], 10)
            for scope, truth in truths.items()
            if scope != giant
        ]
        bar = progress.add_task("searches of the giant scope", total=2 + len(CASES))
        # Search before the index exists, so that no search can be approximate.
        of_giant: dict[int, Measured] = {}
        for top_k in (10, 100):
            of_giant[top_k] = await searched(exact.search, giant, truths[giant], asked, top_k)
            progress.advance(bar)

        shape = IndexShape(rows // 2, settings.ann_m, settings.ann_ef_construction)
        began = time.perf_counter()
        changes = await ScopeIndexes(database, url, shape).update()
        seconds = time.perf_counter() - began
        if [built.scope for built in changes.built] != [giant]:
            raise CannotMeasure(f"{len(changes.built)} indexes were built for one scope of {rows} turns")
        approximate: dict[tuple[int, int], Measured] = {}
        for candidates, top_k in CASES:
            search = Approximate(database, candidates).search
            approximate[candidates, top_k] = await searched(search, giant, truths[giant], asked, top_k)
            progress.advance(bar)
    async with connected(url) as login:
        work_mem = await login.fetchval("SHOW maintenance_work_mem")
        index_bytes = await login.fetchval("SELECT pg_relation_size($1::regclass)", index_name(giant))
    together = Measured(
        [recall for found in ordinary for recall in found.recalls],
        [ms for found in ordinary for ms in found.milliseconds],
    )
    return Findings(together, of_giant, approximate, seconds, index_bytes / 1e6, work_mem)


async def fill(
    database: Database, giant: Scope, rows: int, centres: int, progress: Progress
) -> dict[Scope, BruteForce]:
    """Write ordinary scopes and the giant one. Return a brute-force search for each."""
    bar = progress.add_task("turns", total=rows + ORDINARY_SCOPES * ORDINARY_ROWS)
    truths: dict[Scope, BruteForce] = {}
    for number in range(ORDINARY_SCOPES):
        scope = giant.model_copy(update={"user_id": f"ordinary-{number}"})
        vectors = clustered(ORDINARY_ROWS, seed=SEED + 10 + number, clusters=centres)
        truths[scope] = BruteForce(await write_vectors(database, scope, vectors))
        progress.advance(bar, ORDINARY_ROWS)
    of_giant: dict[int, Vectors] = {}
    vectors = clustered(rows, seed=SEED, clusters=centres)
    for start in range(0, rows, ORDINARY_ROWS):
        part = vectors[start : start + ORDINARY_ROWS]
        of_giant |= await write_vectors(database, giant, part, start=start)
        progress.advance(bar, len(part))
    truths[giant] = BruteForce(of_giant)
    return truths


async def searched(search: Search, scope: Scope, truth: BruteForce, queries: Vectors, top_k: int) -> Measured:
    """Measure each query after a warm-up, because a statement may change its plan after five executions."""
    for query in queries[:WARM_UP_QUERIES]:
        await search(scope, query, top_k)
    recalls: list[float] = []
    milliseconds: list[float] = []
    for query in queries:
        began = time.perf_counter()
        found = await search(scope, query, top_k)
        milliseconds.append((time.perf_counter() - began) * 1000)
        recalls.append(truth.recall(found, query, top_k=top_k))
    return Measured(recalls, milliseconds)


class Exact:
    """Search as recall does in an ordinary scope."""

    def __init__(self, database: Database) -> None:
        self._reader = CandidateReader(database)

    async def search(self, scope: Scope, query: Vectors, top_k: int) -> Sequence[int]:
        """Return the positions of the found turns."""
        return [turn.position for turn in await self._reader.candidates(scope, query, [], limit=top_k)]


class Approximate:
    """Search in the index of a giant scope."""

    def __init__(self, database: Database, candidates: int) -> None:
        self._database = database
        self._ef_search = candidates

    async def search(self, scope: Scope, query: Vectors, top_k: int) -> Sequence[int]:
        """Return the positions of the found turns."""
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            near = await nearest_approximately(connection, scope, query, limit=top_k, ef_search=self._ef_search)
        return [turn.position for turn in near]


@asynccontextmanager
async def connected(url: str) -> "AsyncGenerator[asyncpg.Connection[asyncpg.Record]]":
    """Connect as the superuser during the block."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


if __name__ == "__main__":
    run(app)
