"""How PostgreSQL searches curated memory: pinned, since a wrong plan is slow or loses what a filter leaves."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from eunoe_consumers.postgres.database import SchemaQueries
from eunoe_consumers.postgres.memory_search import MemorySearchQueries
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_tests.curation import add_memory
from eunoe_tests.events import AGENT

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

DIMENSIONS = 384
ROWS = 150
INDEX = "memories_by_scope"
APPROXIMATE = "memories_by_embedding"
MODES = ["auto", "force_generic_plan", "force_custom_plan"]
VECTOR = str([1.0] * DIMENSIONS)
# A filter as it is where nothing is asked for: from tiers to whether a lifetime begins with the last use.
UNFILTERED = ("{}", "{}", "{active}", "{}", "{}", None, None, None, None, None, "false", "30", "false")
SEARCHES = {
    "nearest_memories": (*UNFILTERED, VECTOR, None, "10"),
    "near_duplicates": ("personal", VECTOR, str(UUID(int=0)), "-1", "5", "30", "false"),
}
LOOKS_AT_ROWS = {
    "nearest_filtered_memories": (*UNFILTERED, '{"a": 1}', None, None, None, VECTOR, None, "10"),
    "list_memories": (*UNFILTERED, "{}", None, None, None, None, None, "51"),
}


@pytest.fixture
async def login(database_url: str, tenant: UUID, other_tenant: UUID) -> AsyncIterator[Login]:
    """A superuser's connection to a table of two tenants with the same users; nothing else vacuums or analyses it."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    await connection.execute("ALTER TABLE memories SET (autovacuum_enabled = false)")
    generator = np.random.default_rng(7)
    for owner in (tenant, other_tenant):
        await connection.execute("INSERT INTO agents (tenant_id, id) VALUES ($1, $2)", owner, AGENT)
        for user in ("ada", "grace"):
            await connection.execute("INSERT INTO users (tenant_id, user_id) VALUES ($1, $2)", owner, user)
            for number in range(ROWS):
                await add_memory(
                    connection,
                    owner,
                    agent_id=AGENT,
                    user_id=user,
                    content=str(number),
                    metadata=json.dumps({"a": number % 2}),
                    embedding=HalfVector(generator.standard_normal(DIMENSIONS).astype(np.float32)),
                    embedding_model="m",
                )
    yield connection
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for child in cast("list[dict[str, Any]]", plan.get("Plans", [])):
        yield from nodes(child)


async def plans(login: Login, tenant: UUID, name: str, arguments: tuple[str | None, ...]) -> list[list[dict[str, Any]]]:
    """Run a statement for a scope, prepared, often enough for its plan to change; return the nodes of each plan."""
    given = [str(tenant), str(AGENT), "ada", *arguments]
    literals = await login.fetchval(
        "SELECT string_agg(quote_nullable(given), ', ' ORDER BY place) FROM unnest($1::text[]) WITH ORDINALITY "
        "AS arguments (given, place)",
        given,
    )
    await login.execute(f"PREPARE searched AS {MemorySearchQueries.statements()[name]}")
    explained = [
        await login.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE searched ({literals})") for _ in range(8)
    ]
    await login.execute("DEALLOCATE searched")
    return [list(nodes(json.loads(each)[0]["Plan"])) for each in explained]


async def explained(
    login: Login, tenant: UUID, name: str, arguments: tuple[str | None, ...], *, mode: str, statistics: str
) -> list[list[dict[str, Any]]]:
    """Return the plans that a curator gets."""
    await login.execute("VACUUM (ANALYZE) memories" if statistics == "fresh" else "VACUUM memories")
    async with login.transaction():
        await login.execute(SchemaQueries.take_role, "eunoe_curator", str(tenant), "")
        await login.execute(f"SET LOCAL plan_cache_mode = {mode}")
        return await plans(login, tenant, name, arguments)


@pytest.mark.parametrize("statistics", ["fresh", "none"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_scope_is_ranked_by_its_covering_index_alone(
    login: Login, tenant: UUID, mode: str, statistics: str
) -> None:
    """No row is read to compute a distance, whatever is known of the table, and none is left out by an HNSW index."""
    for name, arguments in SEARCHES.items():
        for plan in await explained(login, tenant, name, arguments, mode=mode, statistics=statistics):
            (sort,) = [node for node in plan if node["Node Type"] == "Sort"]
            (scan,) = [node for node in nodes(sort) if node.get("Relation Name") == "memories"]
            assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", INDEX)
            assert scan["Heap Fetches"] == 0
            assert scan["Actual Rows"] * scan["Actual Loops"] == ROWS
            assert not [node for node in plan if node.get("Index Name") == APPROXIMATE]


@pytest.mark.parametrize("statistics", ["fresh", "none"])
@pytest.mark.parametrize("mode", MODES)
async def test_what_looks_at_rows_is_exact_too(login: Login, tenant: UUID, mode: str, statistics: str) -> None:
    """Neither a search by metadata, which may leave few, nor a list ever takes the HNSW index."""
    for name, arguments in LOOKS_AT_ROWS.items():
        for plan in await explained(login, tenant, name, arguments, mode=mode, statistics=statistics):
            assert not [node for node in plan if node.get("Index Name") == APPROXIMATE]


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
