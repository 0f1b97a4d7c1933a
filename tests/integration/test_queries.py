"""Every SQL statement against the migrated schema."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias, cast
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from pgvector.asyncpg import register_vector

from eunoe_consumers.postgres.database import Database, SchemaQueries
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.postgres.turns import NewTurn, TurnWriter
from eunoe_schema.entries import EntryOrder
from eunoe_schema.scope import Scope
from eunoe_tests.events import AGENT, OTHER_AGENT, event_of, scope_of
from eunoe_tests.query_files import query_files

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
INDEX = "conversation_embeddings_by_scope"
TURNS_PER_SCOPE = 100
NOTHING_EXCLUDED: list[UUID] = []


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A connection of the login, outside of any transaction."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def scopes(database: Database, login: Login) -> list[Scope]:
    """3,000 turns in thirty scopes of three tenants, vacuumed as autovacuum would."""
    table = TenantTable(database)
    tenants = [(await table.add(name)).id for name in ("acme", "umbrella", "initech")]
    users = ("ada", "grace", "edsger", "barbara", "donald")
    scopes = [scope_of(tenant, user, agent) for tenant in tenants for user in users for agent in (AGENT, OTHER_AGENT)]
    writer = TurnWriter(database, embedding_model="test")
    generator = np.random.default_rng(7)
    for number, scope in enumerate(scopes):
        vectors = generator.standard_normal((TURNS_PER_SCOPE, 384)).astype(np.float32)
        await writer.write(
            [
                NewTurn(event_of(scope, f"e{i}", f"message {i}"), EntryOrder(1_700_000_000_000 + i, number), vector)
                for i, vector in enumerate(vectors)
            ]
        )
    await login.execute("VACUUM (ANALYZE) conversation_embeddings")
    return scopes


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan."""
    yield plan
    for child in cast("list[dict[str, Any]]", plan.get("Plans", [])):
        yield from nodes(child)


def assert_index_only(explained: str) -> None:
    """Assert that the inner query of a plan reads the covering index and nothing else, exactly."""
    plan = cast("list[dict[str, Any]]", json.loads(explained))[0]["Plan"]
    found = list(nodes(cast("dict[str, Any]", plan)))
    inner = [node for node in found if node.get("Parent Relationship") == "Subquery" or node["Node Type"] == "Limit"]
    assert inner, explained
    scans = [node for top in inner for node in nodes(top) if "Relation Name" in node]
    assert {(node["Node Type"], node.get("Index Name")) for node in scans} == {("Index Only Scan", INDEX)}, explained
    assert all("tenant_id" in node["Index Cond"] for node in scans)
    assert all("agent_id" in node["Index Cond"] and "user_id" in node["Index Cond"] for node in scans)
    assert all(node["Heap Fetches"] == 0 for node in scans)
    assert all(node["Actual Rows"] == TURNS_PER_SCOPE for node in scans), "all turns of the scope were ranked"
    assert not [node for node in found if node["Node Type"] == "Seq Scan"], explained
    assert not [node for node in found if "hnsw" in str(node.get("Index Name", "")).lower()], explained


async def test_every_statement_can_be_prepared(login: Login) -> None:
    """PostgreSQL understands each statement on the migrated schema."""
    failures: dict[str, str] = {}
    for queries in query_files():
        for name, statement in queries.statements().items():
            try:
                await login.prepare(statement)
            except asyncpg.PostgresError as error:
                failures[f"{queries.file}.sql: {name}"] = str(error)
    assert not failures


async def take_recall(login: Login, scope: Scope) -> None:
    """Go on as the recall role, under its policy."""
    await login.execute(SchemaQueries.take_role, "eunoe_recall", str(scope.tenant_id), "")
