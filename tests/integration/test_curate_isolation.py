"""The tables of curated memory without the code above them: policies, privileges and constraints."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import pytest

from eunoe_consumers.postgres.database import SchemaQueries
from eunoe_schema.memory import Category, RelationType, Source, Status, Tier
from eunoe_tests.curation import CURATED, add_memory, fill_curated
from eunoe_tests.events import AGENT

pytestmark = pytest.mark.slow

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# The privileges of each role on each table, for the named tenant. Everything else is refused.
ALL = {"SELECT", "INSERT", "UPDATE", "DELETE"}
MAY: dict[str, dict[str, set[str]]] = {
    "eunoe_ingest": {},
    "eunoe_recall": {"memories": {"SELECT"}, "memory_tags": {"SELECT"}, "directives": {"SELECT"}},
    "eunoe_curator": {
        "memories": ALL,
        "memory_versions": {"SELECT", "INSERT"},
        "memory_relationships": {"SELECT", "INSERT", "DELETE"},
        "memory_tags": {"SELECT", "INSERT", "DELETE"},
        "collections": ALL,
        "collection_members": {"SELECT", "INSERT", "DELETE"},
        "session_checkpoints": {"SELECT", "INSERT", "DELETE"},
        "directives": ALL,
        "memory_requests": {"SELECT", "INSERT"},
    },
    "eunoe_janitor": {
        "memories": {"SELECT", "UPDATE", "DELETE"},
        **{table: {"SELECT", "DELETE"} for table in CURATED if table != "memories"},
        "memory_tags": {"SELECT", "INSERT", "DELETE"},
    },
}


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A superuser's connection, which row-level security does not restrict."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def stored(login: Login, tenant: UUID, other_tenant: UUID) -> None:
    """A row of each tenant in every table."""
    for owner in (tenant, other_tenant):
        await fill_curated(login, owner)


@asynccontextmanager
async def as_role(login: Login, role: str, *, tenant: str = "") -> AsyncGenerator[None]:
    """Take a role for one transaction, which is rolled back."""
    transaction = login.transaction()
    await transaction.start()
    await login.execute(SchemaQueries.take_role, role, tenant, "")
    try:
        yield
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("role", MAY)
async def test_a_role_sees_its_tenants_rows_and_has_its_privileges_only(
    login: Login, stored: None, tenant: UUID, role: str
) -> None:
    """Without any predicate, each role sees the rows of the named tenant only, and may do what MAY lists only."""
    assert stored is None
    for table in CURATED:
        may = MAY[role].get(table, set())
        mine = await login.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant)  # noqa: S608
        assert mine, table
        assert await login.fetchval(f"SELECT count(*) FROM {table}") == 2 * mine, table  # noqa: S608
        privileges = await login.fetch(
            "SELECT privilege_type FROM pg_class CROSS JOIN aclexplode(relacl) "
            "WHERE relname = $1 AND grantee = $2::text::regrole",
            table,
            role,
        )
        assert {row["privilege_type"] for row in privileges} == may, table
        if "SELECT" not in may:
            continue
        for named, seen in ((str(tenant), mine), ("", 0)):
            async with as_role(login, role, tenant=named):
                assert await login.fetchval(f"SELECT count(*) FROM {table}") == seen, table  # noqa: S608
            if "DELETE" in may:
                async with as_role(login, role, tenant=named):
                    assert await login.execute(f"DELETE FROM {table}") == f"DELETE {seen}", table  # noqa: S608
            if "UPDATE" in may:
                async with as_role(login, role, tenant=named):
                    changed = await login.execute(f"UPDATE {table} SET updated_at = now()")  # noqa: S608
                    assert changed == f"UPDATE {seen}", table


async def test_the_curator_writes_for_its_tenant_only(login: Login, stored: None, other_tenant: UUID) -> None:
    """A policy refuses rows of a tenant that the transaction does not name."""
    assert stored is None
    for statement in (
        "INSERT INTO memory_tags VALUES ($1, $2, 't2')",
        "INSERT INTO agents VALUES ($1, $2)",
        "INSERT INTO directives (tenant_id, id, agent_id, name, content) VALUES ($1, $2, $2, 'm', 'c')",
    ):
        async with as_role(login, "eunoe_curator", tenant=str(uuid4())):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await login.execute(statement, other_tenant, uuid4())


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"user_id": None}, "memories_scope_check"),
    ({"user_id": ""}, "memories_user_id_check"),
    ({"tier": "eternal"}, "memories_tier_check"),
    ({"category": "x"}, "memories_category_check"),
    ({"source": "x"}, "memories_source_check"),
    ({"status": "x"}, "memories_status_check"),
    ({"content": "", "content_hash": "0" * 64}, "memories_content_check"),
    ({"content": "x" * 8193, "content_hash": "0" * 64}, "memories_content_check"),
    ({"content_hash": "x"}, "memories_content_hash_check"),
    ({"confidence": 1.1}, "memories_confidence_check"),
    ({"usefulness": -0.1}, "memories_usefulness_check"),
    ({"metadata": "[]"}, "memories_metadata_check"),
    ({"version": 0}, "memories_version_check"),
    ({"superseded_by": UUID(int=1)}, "memories_superseded_check"),
    ({"merged_into": UUID(int=1)}, "memories_merged_check"),
    ({"session_id": "s"}, "memories_session_check"),
    ({"embedding_model": "m"}, "memories_embedding_check"),
    ({"agent_id": UUID(int=1)}, "memories_tenant_id_agent_id_fkey"),
    ({"content": "one"}, "memories_once"),
]


async def test_the_database_refuses_an_invalid_memory(login: Login, stored: None, tenant: UUID) -> None:
    """Each bound holds whatever the code above does."""
    assert stored is None
    failures: list[str] = []
    for fields, constraint in INVALID:
        try:
            await add_memory(login, tenant, **fields)
        except asyncpg.IntegrityConstraintViolationError as refused:
            if refused.constraint_name == constraint:
                continue
        failures.append(f"{constraint}: {fields}")
    assert not failures


async def test_the_database_knows_the_enums_of_the_contract(login: Login) -> None:
    """A word that the contract gains needs a migration, and the other way round."""
    for table, column, words in (
        ("memories", "tier", Tier),
        ("memories", "category", Category),
        ("memories", "source", Source),
        ("memories", "status", Status),
        ("memory_relationships", "type", RelationType),
    ):
        definition = await login.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", f"{table}_{column}_check"
        )
        for word in words:
            assert f"'{word}'::text" in definition
        assert definition.count("'::text") == len(words)


async def test_no_id_of_an_erased_user_remains(login: Login, stored: None, tenant: UUID) -> None:
    """An agent's memory from a user's session stays, without the id of the user."""
    assert stored is None
    session = {"session_agent_id": AGENT, "session_user_id": "ada", "session_id": "s"}
    memory = await add_memory(login, tenant, user_id=None, agent_id=AGENT, content="learned", **session)
    await login.execute("DELETE FROM users WHERE tenant_id = $1 AND user_id = 'ada'", tenant)
    row = await login.fetchrow("SELECT * FROM memories WHERE id = $1", memory)
    assert row is not None
    assert row["content"] == "learned"
    assert "ada" not in row.values()


async def test_deletions_cascade_or_clear_references(login: Login, stored: None, tenant: UUID) -> None:
    """Deleting a session or a successor clears the references to it; deleting a user deletes the user's memories."""
    assert stored is None
    successor = await add_memory(login, tenant, content="successor")
    session = {"session_agent_id": AGENT, "session_user_id": "ada", "session_id": "s"}
    memory = await add_memory(
        login, tenant, content="from a session", status="superseded", superseded_by=successor, **session
    )
    find = "SELECT session_agent_id, session_user_id, session_id, superseded_by FROM memories WHERE id = $1"
    await login.execute("DELETE FROM sessions WHERE tenant_id = $1", tenant)
    assert tuple(await login.fetchrow(find, memory) or ()) == (None, None, None, successor)
    await login.execute("DELETE FROM memories WHERE id = $1", successor)
    assert tuple(await login.fetchrow(find, memory) or ()) == (None, None, None, None)
    await login.execute("DELETE FROM users WHERE tenant_id = $1 AND user_id = 'ada'", tenant)
    for table in ("memories", "memory_versions", "memory_tags", "memory_relationships", "collections"):
        assert await login.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", tenant) == 0, table  # noqa: S608
