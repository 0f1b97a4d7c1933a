"""Isolation at each layer by itself: keys, predicates, and row-level security without predicates.

Two tenants with the same agent, user, session and event ids; in one tenant two users and two agents.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from pgvector import HalfVector
from pgvector.asyncpg import register_vector
from redis.asyncio import Redis

from eunoe_consumers.postgres.candidates import CandidateReader, RecallQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole, SchemaQueries
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.turns import NewPiece, NewTurn, TurnQueries, TurnReader, TurnWriter
from eunoe_consumers.window.window import Windows
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope
from eunoe_tests.curation import CURATED
from eunoe_tests.events import AGENT, OTHER_AGENT, event_of, scope_of

pytestmark = pytest.mark.slow

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
EMBEDDING = np.ones(384, dtype=np.float32)
GUARDED = ["agents", "conversation_embeddings", "postings", "sessions", "speakers", "turn_pieces", "users"]
READERS = ["eunoe_recall", "eunoe_janitor"]
ROLES = ["eunoe_owner", "eunoe_ingest", "eunoe_recall", "eunoe_curator", "eunoe_janitor"]


@pytest.fixture
def words(tenant: UUID, other_tenant: UUID) -> dict[Scope, str]:
    """The scopes, each with a word that only its messages contain."""
    scopes = (scope_of(tenant), scope_of(other_tenant), scope_of(tenant, "grace"), scope_of(tenant, agent=OTHER_AGENT))
    return dict(zip(scopes, ("apple", "banana", "cherry", "damson"), strict=True))


@pytest.fixture
async def stored(database: Database, words: dict[Scope, str]) -> dict[Scope, str]:
    """The scopes, each with turns of the same event ids, embeddings and pieces."""
    writer = TurnWriter(database, embedding_model="test")
    pieces = (NewPiece(1, 5, EMBEDDING),)
    written = await writer.write(
        [
            NewTurn(
                event_of(scope, f"e{n}", word, session_id="s", speaker=word),
                EntryOrder(1_700_000_000_000 + n, 0),
                EMBEDDING,
                pieces,
            )
            for scope, word in words.items()
            for n in range(3)
        ]
    )
    assert written == 3 * len(words)
    return words


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A connection of a superuser, whom row-level security does not restrict."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    yield connection
    await connection.close()


@asynccontextmanager
async def as_role(login: Login, role: str, *, tenant: str = "", batch: str = "") -> AsyncGenerator[None]:
    """Take a role for one transaction, which is rolled back."""
    transaction = login.transaction()
    await transaction.start()
    await login.execute(SchemaQueries.take_role, role, tenant, batch)
    try:
        yield
    finally:
        await transaction.rollback()


def test_scopes_have_different_keys_of_windows(words: dict[Scope, str]) -> None:
    """Layer 1: the key is made of tenant, agent and user, the tenant first."""
    windows = {keys.window(scope) for scope in words}
    assert len(windows) == len(words)
    assert all(keys.window(scope).startswith(f"{scope.tenant_id}:") for scope in words)


async def test_scopes_never_share_a_window(redis: Redis, words: dict[Scope, str]) -> None:
    """Layer 1, in Redis: a message that is appended to one window is in no other."""
    windows = Windows(redis, size=20)
    for scope, word in words.items():
        message = WindowMessage(role="user", content=word, id="1700000000000-0", event_id="e1")
        assert await windows.append(scope, [message], loaded=[])
    for scope, word in words.items():
        assert [message.content for message in await windows.read(scope)] == [word]


async def test_scopes_never_share_a_turn(database: Database, stored: dict[Scope, str]) -> None:
    """All layers together: each scope finds its three turns only, although every embedding is the same."""
    reader, candidates = TurnReader(database), CandidateReader(database)
    for scope, word in stored.items():
        found = await candidates.candidates(scope, EMBEDDING, [], limit=100)
        assert [turn.content for turn in found] == [word] * 3
        for asked in stored.values():
            outline = await candidates.outline(scope, asked)
            assert (len(outline.positions), len(outline.term_places)) == (3, 3 if asked == word else 0)
        assert [message.content for message in await reader.last(scope, 100)] == [word] * 3


async def test_the_predicates_alone_isolate(login: Login, stored: dict[Scope, str], tenant: UUID) -> None:
    """Layer 2: for a superuser, whom no policy restricts, and with the same turn ids in both tenants."""
    await login.execute(
        "INSERT INTO conversation_embeddings SELECT (jsonb_populate_record(turn, jsonb_build_object("
        "  'tenant_id', (SELECT id FROM tenants WHERE id <> $1), 'content', 'banana'))).* "
        "FROM conversation_embeddings AS turn WHERE tenant_id = $1 AND agent_id = $2 AND user_id = 'ada'",
        tenant,
        AGENT,
    )
    assert await login.fetchval("SELECT count(*) - count(DISTINCT id) FROM conversation_embeddings") == 3
    by_pieces = True
    for scope, word in stored.items():
        names = (scope.tenant_id, scope.agent_id, scope.user_id)
        rows = await login.fetch(
            RecallQueries.candidates, *names, HalfVector(EMBEDDING), list[int](), 100, by_pieces, 100
        )
        assert len(rows) == (6 if word == "banana" else 3)
        assert {row["content"] for row in rows} == {word}
        rows = await login.fetch(TurnQueries.last_turns, *names, 100)
        assert {row["content"] for row in rows} == {word}


async def tenants_of(login: Login, table: str) -> list[UUID]:
    """Return the tenant of each row that is visible."""
    return [row["tenant_id"] for row in await login.fetch(f"SELECT tenant_id FROM {table}")]  # noqa: S608 - a name from this file


async def test_the_policy_alone_isolates(login: Login, stored: dict[Scope, str], tenant: UUID) -> None:
    """Layer 3: without predicates, a reader sees the rows of the transaction's tenant, and none without a tenant."""
    assert stored
    failures: list[str] = []
    for table in GUARDED:
        rows = await tenants_of(login, table)
        assert len(set(rows)) == 2
        for role in READERS:
            async with as_role(login, role, tenant=str(tenant)):
                if await tenants_of(login, table) != [tenant] * rows.count(tenant):
                    failures.append(f"{role} does not see exactly the tenant's rows of {table}")
            async with as_role(login, role, tenant=""):
                if await tenants_of(login, table):
                    failures.append(f"{role} without a tenant sees rows of {table}")
            async with as_role(login, role, batch=str(tenant)):  # it permits writing only
                if await tenants_of(login, table):
                    failures.append(f"{role} with a batch of tenants sees rows of {table}")
    assert failures == []


async def test_no_row_is_visible_if_the_setting_was_never_set(database_url: str, stored: dict[Scope, str]) -> None:
    """Layer 3 on a new connection: the setting is NULL rather than empty. Nothing is visible, and nothing fails."""
    assert stored
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET ROLE eunoe_recall")
        assert await connection.fetchval("SELECT current_setting('app.current_tenant', true)") is None
        for table in GUARDED:
            assert await connection.fetch(f"SELECT tenant_id FROM {table}") == []  # noqa: S608
    finally:
        await connection.close()


@pytest.mark.parametrize("named", [True, False], ids=["another tenant named", "none named"])
async def test_ingest_writes_only_for_the_tenants_of_its_batch(
    database: Database,
    login: Login,
    tenant: UUID,
    other_tenant: UUID,
    named: bool,  # noqa: FBT001
) -> None:
    """The policy of every table refuses a row of another tenant."""
    batch = {other_tenant} if named else set[UUID]()
    rows = {
        "agents (tenant_id, id)": f"'{tenant}', '{AGENT}'",
        "users (tenant_id, user_id)": f"'{tenant}', 'ada'",
        "sessions (tenant_id, agent_id, user_id, session_id, opened_at)": f"'{tenant}', '{AGENT}', 'ada', 's', now()",
        "conversation_embeddings "
        "(tenant_id, id, agent_id, user_id, role, content, position, event_id, embedding_model, embedding)": (
            f"'{tenant}', '{AGENT}', '{AGENT}', 'ada', 'user', 'hello', 1, 'e1', 'm', array_fill(1, '{{384}}')"
        ),
        "postings (tenant_id, scope_hash, lexeme, position, tf, length)": f"'{tenant}', 1, 'hello', 1, 1, 1",
        "speakers (tenant_id, agent_id, user_id, speaker)": f"'{tenant}', '{AGENT}', 'ada', 'Ada'",
        "turn_pieces (tenant_id, agent_id, user_id, id, position, piece, starts_at, ends_at, embedding)": (
            f"'{tenant}', '{AGENT}', 'ada', '{AGENT}', 1, 1, 0, 5, array_fill(1, '{{384}}')"
        ),
    }
    inserts = [f"INSERT INTO {columns} VALUES ({values})" for columns, values in rows.items()]  # noqa: S608
    for statement in inserts:
        with pytest.raises(StoreUnavailable, match=r"row-level security.*42501"):
            async with database.transaction(DatabaseRole.INGEST, batch_tenants=batch) as connection:
                await connection.execute(statement)
    async with as_role(login, "eunoe_ingest", batch=f"{other_tenant},{tenant}"):
        for statement in inserts:  # for a named tenant each statement succeeds
            await login.execute(statement)


async def test_each_role_has_exactly_the_rights_it_needs(login: Login, stored: dict[Scope, str], tenant: UUID) -> None:
    """In each table ingest only inserts, recall only selects, only the janitor deletes, and nobody updates."""
    assert stored
    columns = {table: "user_id" if table in {"users", "sessions"} else "tenant_id" for table in GUARDED}
    allowed = {("eunoe_recall", "SELECT"), ("eunoe_janitor", "SELECT"), ("eunoe_janitor", "DELETE")}
    for table, column in columns.items():
        statements = {
            "SELECT": f"SELECT {column} FROM {table}",  # noqa: S608
            "UPDATE": f"UPDATE {table} SET {column} = {column}",  # noqa: S608
            "DELETE": f"DELETE FROM {table}",  # noqa: S608
            "TRUNCATE": f"TRUNCATE {table} CASCADE",
        }
        for role in ["eunoe_ingest", "eunoe_recall", "eunoe_curator", "eunoe_janitor"]:
            may = {kind for someone, kind in allowed if someone == role}
            if role == "eunoe_curator" and table in {"agents", "conversation_embeddings", "users", "sessions"}:
                may = {"SELECT"}
            for kind, statement in statements.items():
                async with as_role(login, role, tenant=str(tenant), batch=str(tenant)):
                    if kind in may:
                        await login.execute(statement)
                        continue
                    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
                        await login.execute(statement)
                    assert refused.value.sqlstate == "42501"


async def test_the_janitor_deletes_within_its_tenant(
    login: Login, stored: dict[Scope, str], tenant: UUID, other_tenant: UUID
) -> None:
    """A DELETE without a predicate deletes the rows of the transaction's tenant and no others."""
    assert stored
    failures: list[str] = []
    for table in GUARDED:
        rows = await tenants_of(login, table)
        async with as_role(login, "eunoe_janitor", tenant=str(tenant)):
            deleted = await login.execute(f"DELETE FROM {table}")  # noqa: S608
            await login.execute("RESET ROLE")
            left = await tenants_of(login, table)
        if (deleted, left) != (f"DELETE {rows.count(tenant)}", [other_tenant] * rows.count(other_tenant)):
            failures.append(f"{table}: {deleted}, {len(left)} rows left")
        async with as_role(login, "eunoe_janitor"):
            if (deleted := await login.execute(f"DELETE FROM {table}")) != "DELETE 0":  # noqa: S608
                failures.append(f"{table}, without a tenant: {deleted}")
    assert failures == []


async def test_even_the_owner_sees_and_changes_nothing(login: Login, stored: dict[Scope, str], tenant: UUID) -> None:
    """Row-level security is forced on the owner of the tables, and no policy admits it."""
    assert stored
    for table in GUARDED:
        async with as_role(login, "eunoe_owner", tenant=str(tenant), batch=str(tenant)):
            assert await login.fetch(f"SELECT FROM {table}") == []
            assert await login.execute(f"UPDATE {table} SET tenant_id = tenant_id") == "UPDATE 0"  # noqa: S608
            assert await login.execute(f"DELETE FROM {table}") == "DELETE 0"  # noqa: S608


# These tables have no rows of a tenant.
TENANTLESS = {"removed_tenants", "stream_watermarks", "stream_losses"}


async def test_security_is_forced_on_every_table_but_two(login: Login) -> None:
    """Only the table of tenants and the ledger are open. No role bypasses the policies."""
    tables = await login.fetch(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
    )
    assert {row["relname"] for row in tables if not row["relrowsecurity"]} == {"tenants", "schema_migrations"}
    assert {row["relname"] for row in tables if row["relforcerowsecurity"]} == {
        *GUARDED,
        *CURATED,
        "giant_scopes",
        *TENANTLESS,
    }
    roles = await login.fetch("SELECT rolname FROM pg_roles WHERE rolname ~ '^eunoe' AND (rolsuper OR rolbypassrls)")
    assert roles == []


async def test_a_transaction_leaves_nothing_on_its_connection(
    database_url: str, tenant: UUID, stored: dict[Scope, str]
) -> None:
    """Role and tenants end with the transaction, committed or not."""
    assert stored
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1, init=register_vector) as pool:
        database = Database(pool)
        for ends_well in (True, False):
            backend = 0
            with suppress(LookupError):
                async with database.transaction(DatabaseRole.RECALL, tenant=tenant, batch_tenants=[tenant]) as held:
                    backend = await held.fetchval("SELECT pg_backend_pid()")
                    assert await held.fetchval("SELECT count(*) FROM agents") == 2
                    if not ends_well:
                        raise LookupError
            async with pool.acquire() as connection:
                state = await connection.fetchrow(
                    "SELECT pg_backend_pid(), current_user = session_user, "
                    "coalesce(current_setting('app.current_tenant', true), ''), "
                    "coalesce(current_setting('app.batch_tenants', true), '')"
                )
                assert tuple(state or ()) == (backend, True, "", "")
                await connection.execute("SET ROLE eunoe_recall")
                assert await connection.fetch("SELECT id FROM agents") == []
                await connection.execute("RESET ROLE")
