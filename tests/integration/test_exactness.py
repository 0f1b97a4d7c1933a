"""Search within a scope: exact up to the limit in every state of the table, by the scope's own index beyond it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray
from pgvector.asyncpg import register_vector

from eunoe_consumers.postgres.approximate_search import ApproximateSearch, GiantScopeQueries
from eunoe_consumers.postgres.candidates import CandidateReader, RecallQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole, SchemaQueries
from eunoe_consumers.postgres.giant_scopes import index_name
from eunoe_consumers.postgres.scope_indexes import IndexShape, ScopeIndexes
from eunoe_schema.scope import Scope
from eunoe_tests.events import AGENT, OTHER_AGENT, scope_of
from eunoe_tests.vectors import BruteForce, clustered, write_vectors

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Stored: TypeAlias = dict[int, NDArray[np.float32]]

LIMIT_ROWS = 300
GIANT_ROWS = 400
SIZES = (300, 120, 40)
TOP_K = 10
EXACT_INDEX = "conversation_embeddings_by_scope"
MODES = ["auto", "force_generic_plan", "force_custom_plan"]


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A superuser's connection. Nothing is vacuumed or analysed in this database but by the test."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    for table in ("conversation_embeddings", "postings", "turn_pieces"):
        await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    yield connection
    await connection.close()


@pytest.fixture
async def ordinary(database: Database, login: Login, tenant: UUID, other_tenant: UUID) -> dict[Scope, Stored]:
    """Twelve scopes within the limit, of two tenants with the same agents and users, all around the same centres."""
    assert login
    scopes = [
        (scope_of(owner, f"user-{number}", agent), size)
        for owner in (tenant, other_tenant)
        for agent in (AGENT, OTHER_AGENT)
        for number, size in enumerate(SIZES)
    ]
    return {
        scope: await write_vectors(database, scope, clustered(size, seed=seed), start=seed * 1_000)
        for seed, (scope, size) in enumerate(scopes)
    }


@pytest.fixture
async def giants(
    database: Database, database_url: str, ordinary: dict[Scope, Stored], tenant: UUID, other_tenant: UUID
) -> dict[Scope, Stored]:
    """Two scopes beyond the limit, alike but for their tenant, each with its own index."""
    found = {
        scope: await write_vectors(database, scope, clustered(GIANT_ROWS, seed=seed), start=seed * 1_000)
        for seed, scope in enumerate((scope_of(tenant, "giant"), scope_of(other_tenant, "giant")), start=len(ordinary))
    }
    shape = IndexShape(LIMIT_ROWS, m=16, ef_construction=64)
    kept = await ScopeIndexes(database, database_url, shape).keep(builds=2, wait_seconds=30)
    assert sorted(giant.index_name for giant in kept.built) == sorted(map(index_name, found))
    return found


def queries_of(count: int) -> NDArray[np.float32]:
    """Return vectors to search with, shape (count, 384)."""
    return clustered(count, seed=4_711)


VECTOR = str(queries_of(1)[0].tolist())


async def exact_recalls(reader: CandidateReader, scope: Scope, stored: Stored, count: int) -> list[float]:
    """Search a scope with several queries; return the recall of each."""
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
async def test_a_hundred_queries_on_one_connection_are_exact(
    database_url: str, login: Login, ordinary: dict[Scope, Stored], giants: dict[Scope, Stored], mode: str
) -> None:
    """A prepared statement may change its plan after its fifth execution, and nothing that it finds."""
    assert giants
    await login.execute("VACUUM (ANALYZE) conversation_embeddings, turn_pieces, postings")
    url = f"{database_url}?options=-c%20plan_cache_mode%3D{mode}"
    async with await Database.connect(url, connections=1) as database:
        reader = CandidateReader(database)
        for scope in list(ordinary)[:2]:
            assert set(await exact_recalls(reader, scope, ordinary[scope], 100)) == {1.0}
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


async def test_search_stays_exact_while_the_table_changes(
    database: Database, login: Login, ordinary: dict[Scope, Stored], giants: dict[Scope, Stored]
) -> None:
    """Never analysed, grown, shrunk, vacuumed, analysed and grown again; with other scopes' HNSW indexes beside."""
    assert giants
    await assert_exact(database, ordinary, state="without statistics")
    await login.execute("VACUUM conversation_embeddings, turn_pieces")
    await assert_exact(database, ordinary, state="vacuumed, without statistics")
    await login.execute("ANALYZE")
    await assert_exact(database, ordinary, state="with statistics")

    for seed, (scope, stored) in enumerate(ordinary.items(), start=100):
        stored.update(await write_vectors(database, scope, clustered(40, seed=seed), start=seed * 1_000))
    await assert_exact(database, ordinary, state="after inserts, with stale statistics")
    for scope, stored in ordinary.items():
        gone = list(stored)[::3]
        async with database.transaction(DatabaseRole.JANITOR, tenant=scope.tenant_id) as connection:
            await connection.execute(
                "DELETE FROM conversation_embeddings "
                "WHERE tenant_id = $1 AND agent_id = $2 AND user_id = $3 AND position = ANY($4)",
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                gone,
            )
        for position in gone:
            del stored[position]
    await assert_exact(database, ordinary, state="after deletes")
    await login.execute("VACUUM conversation_embeddings, turn_pieces")
    await assert_exact(database, ordinary, state="vacuumed after deletes")
    for seed, (scope, stored) in enumerate(ordinary.items(), start=200):
        stored.update(await write_vectors(database, scope, clustered(30, seed=seed), start=seed * 1_000))
    await assert_exact(database, ordinary, state="grown again")
    await login.execute("VACUUM (ANALYZE) conversation_embeddings, turn_pieces")
    await assert_exact(database, ordinary, state="at the end")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for child in cast("list[dict[str, Any]]", plan.get("Plans", [])):
        yield from nodes(child)


async def plans(login: Login, scope: Scope, statement: str, *arguments: str, count: int) -> list[list[dict[str, Any]]]:
    """Prepare a statement, run it for a scope in the recall role's open transaction; return the nodes of each plan.

    Prepared and executed, since the arguments of EXPLAIN itself are planned as constants in every mode.
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
    """Return the scans of turns below a limit: those that search, and not those that fetch what was found."""
    limits = [node for node in plan if node["Node Type"] == "Limit"]
    return [node for top in limits for node in nodes(top) if node.get("Relation Name") == "conversation_embeddings"]


@pytest.mark.parametrize("statistics", ["fresh", "stale", "none"])
@pytest.mark.parametrize("mode", MODES)
async def test_exact_search_reads_the_covering_index_and_nothing_else(
    database: Database,
    login: Login,
    ordinary: dict[Scope, Stored],
    giants: dict[Scope, Stored],
    tenant: UUID,
    statistics: str,
    mode: str,
) -> None:
    """All of a scope by an index-only scan, whatever is known of the table; no HNSW index, not even its own."""
    if statistics == "stale":
        await login.execute("ANALYZE conversation_embeddings")
    late = scope_of(tenant, "late")
    scopes = {**ordinary, **giants}
    scopes[late] = await write_vectors(database, late, clustered(250, seed=77), start=77_000)
    await login.execute(
        "VACUUM (ANALYZE) conversation_embeddings" if statistics == "fresh" else "VACUUM conversation_embeddings"
    )
    for scope in (late, *giants, *list(ordinary)[:3], *list(ordinary)[-3:]):
        async with login.transaction():
            await login.execute(SchemaQueries.take_role, "eunoe_recall", str(scope.tenant_id), "")
            await login.execute(f"SET LOCAL plan_cache_mode = {mode}")
            assert await login.fetchval("SHOW enable_seqscan") == "on"
            found = await plans(
                login, scope, RecallQueries.candidates, VECTOR, "{}", str(TOP_K), "true", str(TOP_K), count=8
            )
        for plan in found:
            assert_exact_plan(plan, rows=len(scopes[scope]))


def assert_exact_plan(plan: list[dict[str, Any]], *, rows: int) -> None:
    """Assert that the search in a plan has ranked all of a scope, by the covering index alone."""
    scans = ranked_scans(plan)
    assert {(scan["Node Type"], scan.get("Index Name")) for scan in scans} == {("Index Only Scan", EXACT_INDEX)}
    assert {scan["Heap Fetches"] for scan in scans} == {0}
    assert sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans) == rows
    for name in ("tenant_id", "agent_id", "user_id"):
        assert all(name in scan["Index Cond"] for scan in scans)
    assert not [node for node in plan if "giant" in str(node.get("Index Name"))]
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize("statistics", ["fresh", "none"])
@pytest.mark.parametrize("limit", [TOP_K, GIANT_ROWS])
async def test_approximate_search_takes_the_scopes_own_index(
    login: Login, giants: dict[Scope, Stored], statistics: str, limit: int
) -> None:
    """A giant scope is searched by its index and not by another's, small as it is here, however often it was asked."""
    if statistics == "fresh":
        await login.execute("VACUUM (ANALYZE) conversation_embeddings")
    for scope in giants:
        async with login.transaction():
            await login.execute(SchemaQueries.take_role, "eunoe_recall", str(scope.tenant_id), "")
            await login.execute(GiantScopeQueries.search_approximately, 100)
            found = await plans(login, scope, GiantScopeQueries.nearest_approximate, VECTOR, str(limit), count=7)
        for plan in found:
            (scan,) = ranked_scans(plan)
            assert (scan["Node Type"], scan.get("Index Name")) == ("Index Scan", index_name(scope))
            assert scan["Actual Rows"] == pytest.approx(limit, rel=0.01)  # an index may leave a few turns unlinked
            assert "Order By" in scan


@pytest.mark.parametrize("limit", [TOP_K, 150])
async def test_approximate_search_finds_nearly_all_and_only_the_scopes_own(
    database: Database, giants: dict[Scope, Stored], limit: int
) -> None:
    """As many as were asked for, also more than candidates, in order; no turn of the other tenant's twin."""
    search = ApproximateSearch(ef_search=100)
    for scope, stored in giants.items():
        recalls: list[float] = []
        truth = BruteForce(stored)
        async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            for query in queries_of(20):
                found = await search.nearest(connection, scope, query, limit=limit)
                assert [turn.distance for turn in found] == sorted(turn.distance for turn in found)
                assert len({turn.position for turn in found}) == limit
                recalls.append(truth.recall([turn.position for turn in found], query, top_k=limit))
        assert np.mean(recalls) > 0.95


async def test_approximate_search_leaves_no_setting_behind(database: Database, giants: dict[Scope, Stored]) -> None:
    """What follows in the transaction is planned as ever, and the next transaction knows nothing of it."""
    names = ("enable_sort", "plan_cache_mode", "hnsw.ef_search", "hnsw.iterative_scan")
    read = f"SELECT {', '.join(f'current_setting({name!r}, true)' for name in names)}"
    scope = next(iter(giants))
    async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
        await ApproximateSearch(ef_search=77).nearest(connection, scope, queries_of(1)[0], limit=5)
        assert tuple(await connection.fetchrow(read) or ()) == ("on", "auto", "77", "relaxed_order")
    async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
        assert tuple(await connection.fetchrow(read) or ()) == ("on", "auto", "40", "off")


async def test_without_its_index_a_giant_scope_is_searched_exactly(
    database: Database, login: Login, giants: dict[Scope, Stored]
) -> None:
    """An index may be dropped between the look at the list and the search."""
    search = ApproximateSearch(ef_search=10)
    for scope, stored in giants.items():
        await login.execute(f"DROP INDEX {index_name(scope)}")
        async with database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            for query in queries_of(5):
                found = await search.nearest(connection, scope, query, limit=TOP_K)
                assert BruteForce(stored).recall([turn.position for turn in found], query, top_k=TOP_K) == 1.0


async def test_the_list_tells_giant_scopes_from_others(
    database: Database, ordinary: dict[Scope, Stored], giants: dict[Scope, Stored], tenant: UUID, other_tenant: UUID
) -> None:
    """And tells a tenant nothing of another's."""
    search = ApproximateSearch(ef_search=100)
    for asking in (tenant, other_tenant):
        async with database.transaction(DatabaseRole.RECALL, tenant=asking) as connection:
            for scope in (*ordinary, *giants):
                expected = scope in giants and scope.tenant_id == asking
                assert await search.serves(connection, scope) == expected
