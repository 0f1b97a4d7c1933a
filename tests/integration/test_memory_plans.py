"""The plans by which PostgreSQL searches curated memory: a wrong plan is slow, or loses rows that pass a filter."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias, cast
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from eunoe_consumers.memories.reading import MemorySearchQueries
from eunoe_consumers.memories.remember import RememberQueries
from eunoe_consumers.postgres.database import SchemaQueries
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_consumers.postgres.queries import Statement
from eunoe_schema.memory import content_hash
from eunoe_tests.curation import add_memory
from eunoe_tests.events import AGENT

pytestmark = pytest.mark.slow

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DIMENSIONS = 384
ROWS = 150
INDEX = "memories_by_scope"
APPROXIMATE = "memories_by_embedding"
MODES = ["auto", "force_generic_plan", "force_custom_plan"]
VECTOR = str([1.0] * DIMENSIONS)
SCOPE = {"agent_id": str(AGENT), "user_id": "ada", "task_days": "30", "from_last_use": "false"}
# A filter that lets every active memory pass.
UNFILTERED = {
    "tiers": "{}",
    "categories": "{}",
    "statuses": "{active}",
    "sources": "{}",
    "tags": "{}",
    "collection_id": None,
    "created_from": None,
    "created_until": None,
    "updated_from": None,
    "updated_until": None,
    "forgotten": "false",
}
ANY_SESSION = {"session_agent_id": None, "session_user_id": None, "session_id": None}
NEAREST = {"vector": VECTOR, "min_cosine": None, "limit": "10"}
Case: TypeAlias = tuple[Statement, dict[str, str | None]]
RANKS_BY_INDEX: list[Case] = [
    (MemorySearchQueries.nearest_memories, {**UNFILTERED, **NEAREST}),
    (
        RememberQueries.near_duplicates,
        {"tier": "personal", "vector": VECTOR, "of_id": str(UUID(int=0)), "min_cosine": "-1", "limit": "5"},
    ),
]
READS_ROWS: list[Case] = [
    (
        MemorySearchQueries.nearest_filtered_memories,
        {**UNFILTERED, **ANY_SESSION, "metadata": '{"a": 1}', **NEAREST},
    ),
    (
        MemorySearchQueries.list_memories,
        {**UNFILTERED, **ANY_SESSION, "metadata": "{}", "after_time": None, "after_id": None, "limit": "51"},
    ),
]


@pytest.fixture
async def login(database_url: str, tenant: UUID, other_tenant: UUID) -> AsyncIterator[Login]:
    """A superuser's connection to a table of two tenants with the same users; nothing else vacuums or analyses it."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    await connection.execute("ALTER TABLE memories SET (autovacuum_enabled = false)")
    generator = np.random.default_rng(7)
    columns = "tenant_id id agent_id user_id tier category content content_hash metadata embedding embedding_model"
    for owner in (tenant, other_tenant):
        await connection.execute("INSERT INTO agents (tenant_id, id) VALUES ($1, $2)", owner, AGENT)
        for user in ("ada", "grace"):
            await connection.execute("INSERT INTO users (tenant_id, user_id) VALUES ($1, $2)", owner, user)
            vectors = generator.standard_normal((ROWS, DIMENSIONS)).astype(np.float32)
            records = [
                (
                    *(owner, uuid4(), AGENT, user, "personal", "factual", str(number), content_hash(str(number))),
                    *(json.dumps({"a": number % 2}), HalfVector(vector), "m"),
                )
                for number, vector in enumerate(vectors)
            ]
            await connection.copy_records_to_table("memories", records=records, columns=columns.split())
    yield connection
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for child in cast("list[dict[str, Any]]", plan.get("Plans", [])):
        yield from nodes(child)


async def explained(login: Login, tenant: UUID, case: Case, *, mode: str) -> list[list[dict[str, Any]]]:
    """Run a statement as a curator, prepared and often enough for its plan to change; return the nodes of each plan."""
    statement, given = case
    arguments = statement.arguments(given, {**SCOPE, "tenant_id": str(tenant)})
    async with login.transaction():
        await login.execute(SchemaQueries.take_role, "eunoe_curator", str(tenant), "")
        await login.execute(f"SET LOCAL plan_cache_mode = {mode}")
        literals = await login.fetchval(
            "SELECT string_agg(quote_nullable(given), ', ' ORDER BY place) FROM unnest($1::text[]) WITH ORDINALITY "
            "AS arguments (given, place)",
            arguments,
        )
        await login.execute(f"PREPARE searched AS {statement.sql}")
        plans = [
            await login.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE searched ({literals})") for _ in range(8)
        ]
        await login.execute("DEALLOCATE searched")
    return [list(nodes(json.loads(plan)[0]["Plan"])) for plan in plans]


async def test_no_plan_uses_the_approximate_index(login: Login, tenant: UUID) -> None:
    """A search of a scope ranks it by the covering index alone, and no search and no list takes the HNSW index.

    Both hold without statistics, as after an import, and with them, in every mode of the plan cache.
    """
    for statement in ("VACUUM memories", "VACUUM (ANALYZE) memories"):  # in this order: ANALYZE cannot be undone
        await login.execute(statement)
        for mode in MODES:
            for case in (*RANKS_BY_INDEX, *READS_ROWS):
                for plan in await explained(login, tenant, case, mode=mode):
                    where = f"after {statement}, {mode}: {case[0].sql[:80]}"
                    assert not [node for node in plan if node.get("Index Name") == APPROXIMATE], where
                    if case in RANKS_BY_INDEX:
                        assert_ranked_by_index(plan, where)


def assert_ranked_by_index(plan: list[dict[str, Any]], where: str) -> None:
    """Assert that no row is read to compute a distance, and that every memory of the scope is ranked."""
    (sort,) = [node for node in plan if node["Node Type"] == "Sort"]
    (scan,) = [node for node in nodes(sort) if node.get("Relation Name") == "memories"]
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", INDEX), where
    assert scan["Heap Fetches"] == 0, where
    assert scan["Actual Rows"] * scan["Actual Loops"] == ROWS, where


@pytest.mark.parametrize("dimensions", [384, 768, 1024, 1200, 1300, 1536])
async def test_a_memory_with_the_longest_names_fits_at_every_width(empty_database_url: str, dimensions: int) -> None:
    """The covering index carries embeddings as far as a btree row holds them, beside the longest that may be there."""
    async with Migrator.connect(empty_database_url, embedding_dimensions=dimensions) as migrator:
        await migrator.up()
    generator = np.random.default_rng(dimensions)
    user = "".join(map(chr, generator.integers(0x20000, 0x2A6D0, 256)))
    connection = await asyncpg.connect(empty_database_url)
    try:
        await register_vector(connection)
        tenant = await connection.fetchval(
            "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'acme') RETURNING id"
        )
        await connection.execute("INSERT INTO agents (tenant_id, id) VALUES ($1, $2)", tenant, AGENT)
        await connection.execute("INSERT INTO users (tenant_id, user_id) VALUES ($1, $2)", tenant, user)
        await add_memory(
            connection,
            tenant,
            agent_id=AGENT,
            user_id=user,
            category="preference",
            source="user_provided",
            status="pending_review",
            embedding=HalfVector(generator.standard_normal(dimensions).astype(np.float32)),
            embedding_model="m",
        )
        definition = await connection.fetchval(f"SELECT pg_get_indexdef('{INDEX}'::regclass)")
        assert ("embedding" in definition) == (dimensions <= 1200)
    finally:
        await connection.close()
