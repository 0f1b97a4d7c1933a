"""Search within a scope: exact up to the limit in every state of the table, with the scope's own index above it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias, cast
from uuid import uuid4

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from eunoe_consumers.devservers import ServerUrls
from eunoe_consumers.postgres.candidates import CandidateReader, RecallQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole, SchemaQueries
from eunoe_consumers.postgres.giants.indexes import IndexShape, ScopeIndexes
from eunoe_consumers.postgres.giants.scopes import index_name
from eunoe_consumers.postgres.giants.search import GiantScopeQueries, nearest_approximately
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_schema.entries import EntryOrder
from eunoe_schema.scope import Scope
from eunoe_tests.events import AGENT, OTHER_AGENT, scope_of
from eunoe_tests.vectors import BruteForce, clustered, write_vectors

pytestmark = pytest.mark.slow

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Stored: TypeAlias = dict[int, NDArray[np.float32]]
# Statistics of the tables: none and never vacuumed; none; out of date; up to date.
Statistics: TypeAlias = Literal["untouched", "none", "stale", "fresh"]

LIMIT_ROWS = 300
GIANT_ROWS = 400
SIZES = (300, 120, 40)
TOP_K = 10
EXACT_INDEX = "conversation_embeddings_by_scope"
MODES = ["auto", "force_generic_plan", "force_custom_plan"]


@dataclass(frozen=True, repr=False)  # asyncio's debug mode takes a minute to print thousands of vectors
class Filled:
    """A database with scopes.

    Attributes:
        url: The database.
        ordinary: Twelve scopes within the limit, of two tenants with the same agents and users, around the same
            centres; and a thirteenth one that was written after all others.
        giants: Two scopes above the limit with the same name, one of each tenant, each with its own index.
    """

    url: str
    ordinary: dict[Scope, Stored]
    giants: dict[Scope, Stored]


async def fill(url: str, statistics: Statistics) -> Filled:
    """Fill a database and bring its statistics into a state. Only the caller vacuums or analyses it later."""
    async with await Database.connect(url, connections=1) as database, logged_in(url) as login:
        for table in ("conversation_embeddings", "postings", "turn_pieces"):
            await login.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        tenants = [(await TenantTable(database).add(name)).id for name in ("acme", "umbrella")]
        scopes = [
            (scope_of(owner, f"user-{number}", agent), size)
            for owner in tenants
            for agent in (AGENT, OTHER_AGENT)
            for number, size in enumerate(SIZES)
        ]
        scopes += [(scope_of(owner, "giant"), GIANT_ROWS) for owner in tenants]
        stored = {
            scope: await write_vectors(database, scope, clustered(size, seed=seed), start=seed * 1_000)
            for seed, (scope, size) in enumerate(scopes)
        }
        shape = IndexShape(LIMIT_ROWS, m=16, ef_construction=64)
        changes = await ScopeIndexes(database, url, shape).update(builds=2, wait_seconds=30)
        giants = {scope: rows for scope, rows in stored.items() if scope.user_id == "giant"}
        assert sorted(giant.index_name for giant in changes.built) == sorted(map(index_name, giants))
        if statistics == "stale":
            await login.execute("ANALYZE conversation_embeddings")
        late = scope_of(tenants[0], "late")
        stored[late] = await write_vectors(database, late, clustered(250, seed=77), start=77_000)
        if statistics == "fresh":
            await login.execute("VACUUM (ANALYZE) conversation_embeddings")
        elif statistics != "untouched":
            await login.execute("VACUUM conversation_embeddings")
    return Filled(url, {scope: rows for scope, rows in stored.items() if scope not in giants}, giants)


@asynccontextmanager
async def logged_in(url: str) -> AsyncGenerator[Login]:
    """Connect as a superuser."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def shared(servers: ServerUrls, template: str) -> Iterator[Callable[[Statistics], Filled]]:
    """Return a function that returns the database of each state, which tests only read. Each is filled once."""
    made: list[str] = []
    server = servers.database_url.rpartition("/")[0]

    async def administer(statement: str) -> None:
        async with logged_in(f"{server}/postgres") as login:
            await login.execute(statement)

    @cache
    def filled(statistics: Statistics) -> Filled:
        name = f"test_{uuid4().hex}"

        async def make() -> Filled:
            await administer(f"CREATE DATABASE {name} TEMPLATE {template}")
            made.append(name)
            return await fill(f"{server}/{name}", statistics)

        with ThreadPoolExecutor(1) as thread:  # the first test that needs a database already runs an event loop
            return thread.submit(asyncio.run, make()).result()

    yield filled
    for name in made:
        asyncio.run(administer(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def own(database_url: str) -> Filled:
    """A database without statistics that the test may change."""
    return await fill(database_url, "untouched")


def queries_of(count: int) -> NDArray[np.float32]:
    """Return vectors to search with, shape (count, 384)."""
    return clustered(count, seed=4_711)


VECTOR = str(queries_of(1)[0].tolist())


async def exact_recalls(reader: CandidateReader, scope: Scope, stored: Stored, count: int) -> list[float]:
    """Search a scope with several queries, and return the recall of each search."""
    recalls: list[float] = []
    truth = BruteForce(stored)
    for query in queries_of(count):
        found = await reader.candidates(scope, query, [], limit=TOP_K)
        assert len(found) == min(TOP_K, len(stored))
        recalls.append(truth.recall([turn.position for turn in found], query, top_k=TOP_K))
    return recalls


async def assert_exact(database: Database, scopes: Mapping[Scope, Stored], *, state: str, count: int = 8) -> None:
    """Assert that each of several queries finds the true nearest turns in every scope."""
    reader = CandidateReader(database)
    for scope, stored in scopes.items():
        recalls = await exact_recalls(reader, scope, stored, count)
        assert min(recalls) == 1.0, f"{state}: {scope}: {recalls}"


@pytest.mark.parametrize("mode", MODES)
async def test_a_hundred_queries_on_one_connection_are_exact(shared: Callable[[Statistics], Filled], mode: str) -> None:
    """A prepared statement may change its plan after five executions, but its results stay exact."""
    filled = shared("fresh")
    async with await Database.connect(f"{filled.url}?options=-c%20plan_cache_mode%3D{mode}", connections=1) as database:
        reader = CandidateReader(database)
        for scope in list(filled.ordinary)[:2]:
            assert set(await exact_recalls(reader, scope, filled.ordinary[scope], 100)) == {1.0}
        async with database.transaction(DatabaseRole.RECALL) as connection:
            used = await connection.fetchrow(
                "SELECT sum(generic_plans)::int AS generic, sum(custom_plans)::int AS custom "
                "FROM pg_prepared_statements WHERE statement = $1",
                RecallQueries.candidates,
            )
    assert used is not None
    assert used["generic"] + used["custom"] == 200
    if mode != "auto":
        assert (used["generic"] == 200) == (mode == "force_generic_plan")


async def test_search_stays_exact_while_the_table_changes(own: Filled, database: Database) -> None:
    """Never analysed, grown, shrunk, vacuumed, analysed and grown again; all next to HNSW indexes of other scopes."""
    scopes = own.ordinary
    await assert_exact(database, scopes, state="without statistics")
    async with logged_in(own.url) as login:
        await login.execute("VACUUM conversation_embeddings, turn_pieces")
        await assert_exact(database, scopes, state="vacuumed, without statistics")
        await login.execute("ANALYZE")
        await assert_exact(database, scopes, state="with statistics")

        for seed, (scope, stored) in enumerate(scopes.items(), start=100):
            stored.update(await write_vectors(database, scope, clustered(40, seed=seed), start=seed * 1_000))
        await assert_exact(database, scopes, state="after inserts, with stale statistics")
        for scope, stored in scopes.items():
            deleted = list(stored)[::3]
            async with database.transaction(DatabaseRole.JANITOR, tenant=scope.tenant_id) as connection:
                await connection.execute(
                    "DELETE FROM conversation_embeddings "
                    "WHERE tenant_id = $1 AND agent_id = $2 AND user_id = $3 AND position = ANY($4)",
                    scope.tenant_id,
                    scope.agent_id,
                    scope.user_id,
                    deleted,
                )
            for position in deleted:
                del stored[position]
        await assert_exact(database, scopes, state="after deletes")
        await login.execute("VACUUM conversation_embeddings, turn_pieces")
        await assert_exact(database, scopes, state="vacuumed after deletes")
        for seed, (scope, stored) in enumerate(scopes.items(), start=200):
            stored.update(await write_vectors(database, scope, clustered(30, seed=seed), start=seed * 1_000))
        await assert_exact(database, scopes, state="grown again")
        await login.execute("VACUUM (ANALYZE) conversation_embeddings, turn_pieces")
        await assert_exact(database, scopes, state="at the end")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for child in cast("list[dict[str, Any]]", plan.get("Plans", [])):
        yield from nodes(child)


async def plans(login: Login, scope: Scope, statement: str, *arguments: str, count: int) -> list[list[dict[str, Any]]]:
    """Run a prepared statement for a scope in the open transaction, and return the nodes of each plan.

    PREPARE and EXECUTE, because EXPLAIN plans its own arguments as constants in every mode.
    """
    given = [str(scope.tenant_id), str(scope.agent_id), scope.user_id, *arguments]
    literals = await login.fetchval(
        "SELECT string_agg(quote_literal(given), ', ') FROM unnest($1::text[]) AS given", given
    )
    await login.execute(f"PREPARE searched AS {statement}")
    explained = [
        await login.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE searched ({literals})") for _ in range(count)
    ]
    await login.execute("DEALLOCATE searched")
    return [list(nodes(json.loads(each)[0]["Plan"])) for each in explained]


def ranked_scans(plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the scans of turns below a limit: the search itself, without the scans that fetch its results."""
    limits = [node for node in plan if node["Node Type"] == "Limit"]
    return [node for top in limits for node in nodes(top) if node.get("Relation Name") == "conversation_embeddings"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("statistics", ["fresh", "stale", "none"])
async def test_exact_search_reads_the_covering_index_and_nothing_else(
    shared: Callable[[Statistics], Filled], statistics: Statistics, mode: str
) -> None:
    """An index-only scan reads the whole scope, whatever the statistics say. No HNSW index is used."""
    filled = shared(statistics)
    stored = {**filled.ordinary, **filled.giants}
    ordinary = list(filled.ordinary)  # the last scope was written after ANALYZE
    async with logged_in(filled.url) as login:
        for scope in (*filled.giants, *ordinary[:3], *ordinary[-4:]):
            async with login.transaction():
                await login.execute(SchemaQueries.take_role, "eunoe_recall", str(scope.tenant_id), "")
                await login.execute(f"SET LOCAL plan_cache_mode = {mode}")
                assert await login.fetchval("SHOW enable_seqscan") == "on"
                found = await plans(
                    login, scope, RecallQueries.candidates, VECTOR, "{}", str(TOP_K), "true", str(TOP_K), count=8
                )
            for plan in found:
                assert_exact_plan(plan, rows=len(stored[scope]))


def assert_exact_plan(plan: list[dict[str, Any]], *, rows: int) -> None:
    """Assert that the search in a plan reads the whole scope from the covering index alone."""
    scans = ranked_scans(plan)
    assert {(scan["Node Type"], scan.get("Index Name")) for scan in scans} == {("Index Only Scan", EXACT_INDEX)}
    assert {scan["Heap Fetches"] for scan in scans} == {0}
    assert sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans) == rows
    for name in ("tenant_id", "agent_id", "user_id"):
        assert all(name in scan["Index Cond"] for scan in scans)
    assert not [node for node in plan if "giant" in str(node.get("Index Name"))]
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize("mode", MODES)
async def test_periods_and_neighbours_are_looked_up_in_their_indexes(
    shared: Callable[[Statistics], Filled], mode: str
) -> None:
    """A day or a neighbour costs a few rows in scopes of any size, with row-level security."""
    filled = shared("fresh")
    scope, stored = next(iter(filled.giants.items()))
    positions = sorted(stored)[100:103]
    times = [str(EntryOrder.from_position(positions[at]).time) for at in (0, 2)]
    asked = "{" + ",".join(map(str, positions)) + "}"
    async with logged_in(filled.url) as login, login.transaction():
        await login.execute(SchemaQueries.take_role, "eunoe_recall", str(scope.tenant_id), "")
        await login.execute(f"SET LOCAL plan_cache_mode = {mode}")
        spans = [f'{{"{time}"}}' for time in times]
        (period,) = await plans(login, scope, RecallQueries.turns_of_period, VECTOR, *spans, "50", "10", count=1)
        (beside,) = await plans(login, scope, RecallQueries.neighbours, asked, count=1)
    for plan, names in ((period, {"by_time"}), (beside, {"by_scope", "by_neighbour"})):
        scans = [node for node in plan if node.get("Relation Name") == "conversation_embeddings"]
        assert {str(scan.get("Index Name")).removeprefix("conversation_embeddings_") for scan in scans} == names
        assert all(scan["Actual Rows"] <= 2 and "Filter" not in scan for scan in scans)


@pytest.mark.parametrize("limit", [TOP_K, GIANT_ROWS])
@pytest.mark.parametrize("statistics", ["fresh", "untouched"])
async def test_approximate_search_takes_the_scopes_own_index(
    shared: Callable[[Statistics], Filled], statistics: Statistics, limit: int
) -> None:
    """Every execution searches the index of the giant scope and no other index, although this scope is small."""
    filled = shared(statistics)
    async with logged_in(filled.url) as login:
        for scope in filled.giants:
            async with login.transaction():
                await login.execute(SchemaQueries.take_role, "eunoe_recall", str(scope.tenant_id), "")
                await login.execute(GiantScopeQueries.search_approximately, 100)
                found = await plans(login, scope, GiantScopeQueries.nearest_approximate, VECTOR, str(limit), count=7)
            for plan in found:
                (scan,) = ranked_scans(plan)
                assert (scan["Node Type"], scan.get("Index Name")) == ("Index Scan", index_name(scope))
                assert scan["Actual Rows"] == pytest.approx(limit, rel=0.01)  # an index may leave a few turns unlinked
                assert "Order By" in scan


async def test_approximate_search_finds_nearly_all_and_only_the_scopes_own(
    shared: Callable[[Statistics], Filled],
) -> None:
    """The search returns `limit` turns in order, also more than its candidates, and none of the other tenant."""
    filled = shared("untouched")
    async with await Database.connect(filled.url, connections=1) as database:
        for limit in (TOP_K, 150):
            for scope, stored in filled.giants.items():
                recalls: list[float] = []
                truth = BruteForce(stored)
                async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
                    for query in queries_of(20):
                        found = await nearest_approximately(connection, scope, query, limit=limit, ef_search=100)
                        assert [turn.distance for turn in found] == sorted(turn.distance for turn in found)
                        assert len({turn.position for turn in found}) == limit
                        recalls.append(truth.recall([turn.position for turn in found], query, top_k=limit))
                assert np.mean(recalls) > 0.95


async def test_approximate_search_restores_the_settings(shared: Callable[[Statistics], Filled]) -> None:
    """The rest of the transaction is planned as usual, and the next transaction has none of the settings."""
    names = ("enable_sort", "plan_cache_mode", "hnsw.ef_search", "hnsw.iterative_scan")
    read = f"SELECT {', '.join(f'current_setting({name!r}, true)' for name in names)}"
    filled = shared("untouched")
    scope = next(iter(filled.giants))
    async with await Database.connect(filled.url, connections=1) as database:
        async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            await nearest_approximately(connection, scope, queries_of(1)[0], limit=5, ef_search=77)
            assert tuple(await connection.fetchrow(read) or ()) == ("on", "auto", "77", "relaxed_order")
        async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            assert tuple(await connection.fetchrow(read) or ()) == ("on", "auto", "40", "off")


async def test_without_its_index_a_giant_scope_is_searched_exactly(own: Filled, database: Database) -> None:
    """An index may be dropped between the look at the list and the search."""
    async with logged_in(own.url) as login:
        for scope, stored in own.giants.items():
            await login.execute(f"DROP INDEX {index_name(scope)}")
            async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
                for query in queries_of(5):
                    found = await nearest_approximately(connection, scope, query, limit=TOP_K, ef_search=10)
                    assert BruteForce(stored).recall([turn.position for turn in found], query, top_k=TOP_K) == 1.0


async def test_recall_knows_which_scopes_are_giants(shared: Callable[[Statistics], Filled]) -> None:
    """Also next to scopes of the same agents and users of another tenant."""
    filled = shared("untouched")
    async with await Database.connect(filled.url, connections=1) as database:
        reader = CandidateReader(database)
        found = [scope for scope in (*filled.ordinary, *filled.giants) if (await reader.facts(scope)).is_giant]
    assert found == list(filled.giants)
