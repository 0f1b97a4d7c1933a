"""The indexes of giant scopes: built once, repaired after a crash, dropped when unused, separate for each tenant."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.giants.indexes import IndexChanges, IndexShape, ScopeIndexes
from eunoe_consumers.postgres.giants.scopes import index_name
from eunoe_consumers.postgres.migrations import Migrator
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_schema.scope import Scope
from eunoe_tests.events import OTHER_AGENT, scope_of
from eunoe_tests.vectors import clustered, write_vectors
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
LIMIT_ROWS = 100
SHAPE = IndexShape(LIMIT_ROWS, m=4, ef_construction=64)


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A superuser's connection."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def indexes(database: Database, database_url: str) -> ScopeIndexes:
    """The object under test."""
    return ScopeIndexes(database, database_url, SHAPE)


@pytest.fixture
async def giant(database: Database, tenant: UUID) -> Scope:
    """A scope above the limit, next to one exactly at the limit."""
    scope = scope_of(tenant, "giant")
    await write_vectors(database, scope, clustered(120, seed=1))
    await write_vectors(database, scope_of(tenant, "ordinary"), clustered(LIMIT_ROWS, seed=2))
    return scope


async def found_indexes(login: Login) -> dict[str, tuple[bool, int]]:
    """Return the indexes of giant scopes by name: whether each is valid, and its oid."""
    rows = await login.fetch(
        "SELECT relname, indisvalid, indexrelid::int AS oid FROM pg_index JOIN pg_class ON oid = indexrelid "
        "WHERE relname ~ '_giant_'"
    )
    return {row["relname"]: (row["indisvalid"], row["oid"]) for row in rows}


async def listed(login: Login) -> dict[str, int]:
    """Return the users of all listed scopes, and their counted rows."""
    return {row["user_id"]: row["rows_counted"] for row in await login.fetch("SELECT * FROM giant_scopes")}


async def erase(database: Database, scope: Scope, *, leave: int) -> None:
    """Delete the oldest turns of a scope with the janitor's rights."""
    async with database.transaction(DatabaseRole.JANITOR, tenant=scope.tenant_id) as connection:
        await connection.execute(
            "DELETE FROM conversation_embeddings WHERE tenant_id = $1 AND position IN ("
            "SELECT position FROM conversation_embeddings WHERE agent_id = $2 AND user_id = $3 "
            "ORDER BY position DESC OFFSET $4) AND user_id = $3",
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
            leave,
        )


@asynccontextmanager
async def builds_held_up(database_url: str) -> AsyncGenerator[None]:
    """Hold up every build with a snapshot that it must wait for."""
    reader = await asyncpg.connect(database_url)
    transaction = reader.transaction(isolation="repeatable_read")
    await transaction.start()
    await reader.fetchval("SELECT count(*) FROM tenants")
    try:
        yield
    finally:
        await transaction.rollback()
        await reader.close()


async def building(login: Login) -> int | None:
    """Return the process id of the server that is building; None if no server is."""
    return await login.fetchval(
        "SELECT activity.pid FROM pg_stat_activity AS activity "
        "JOIN pg_index ON NOT indisvalid "
        "WHERE activity.application_name = 'eunoe index' AND activity.query ~ '^CREATE INDEX' "
        "AND activity.wait_event_type = 'Lock' AND activity.datname = current_database()"
    )


async def test_a_scope_above_the_limit_gets_an_index_and_is_listed(
    indexes: ScopeIndexes, database: Database, login: Login, giant: Scope
) -> None:
    """A scope at the limit gets none, and a second call finds nothing to do. Recall then searches approximately."""
    announced: list[tuple[str, int]] = []
    changes = await indexes.update(on_build=lambda scope, left: announced.append((scope.index_name, left)))
    assert [(built.scope, built.rows) for built in changes.built] == [(giant, 120)]
    assert announced == [(index_name(giant), 1)]
    assert await listed(login) == {"giant": 120}
    assert [valid for valid, _ in (await found_indexes(login)).values()] == [True]
    definition = await login.fetchval("SELECT pg_get_indexdef($1::regclass)", index_name(giant))
    assert "USING hnsw (embedding halfvec_cosine_ops) WITH (m='4', ef_construction='64')" in definition
    for name in ("tenant_id", "agent_id", "user_id"):
        assert f"({name} = '{getattr(giant, name)}'::" in definition
    owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname ~ '^conversation_embeddings'"
    assert [row[0] for row in await login.fetch(owners)] == ["eunoe_owner"]
    reader = CandidateReader(database)
    assert (await reader.facts(giant)).is_giant
    assert not (await reader.facts(scope_of(giant.tenant_id, "ordinary"))).is_giant
    assert await indexes.update() == IndexChanges()


async def test_concurrent_callers_build_once(
    indexes: ScopeIndexes, database: Database, database_url: str, login: Login, giant: Scope
) -> None:
    """The callers that wait find the index built, and none fails."""
    others = [ScopeIndexes(database, database_url, SHAPE) for _ in range(3)]
    changes = await asyncio.gather(*(each.update(wait_seconds=60) for each in (indexes, *others)))
    assert [built.scope for each in changes for built in each.built] == [giant]
    assert not [left for each in changes for left in each.left]
    assert len(await found_indexes(login)) == 1


async def test_a_caller_need_not_wait_for_another(
    indexes: ScopeIndexes, database: Database, database_url: str, login: Login, giant: Scope
) -> None:
    """A call returns at once while another one builds, and leaves the unfinished index alone."""
    async with builds_held_up(database_url):
        first = asyncio.create_task(indexes.update())
        await wait_until(lambda: building(login), what="a build")
        changes = await ScopeIndexes(database, database_url, SHAPE).update()
        assert (changes.built, changes.dropped, [left.scope for left in changes.left]) == ((), (), [giant])
        assert await listed(login) == {}
    assert [built.scope for built in (await first).built] == [giant]
    assert await listed(login) == {"giant": 120}


@pytest.mark.parametrize("end", ["the server's process is ended", "the caller is cancelled"])
async def test_an_unfinished_index_is_built_again(
    indexes: ScopeIndexes, database_url: str, login: Login, giant: Scope, end: str
) -> None:
    """A crash during a build leaves an index that serves no search. It is not listed, and the next call replaces it."""
    async with builds_held_up(database_url):
        call = asyncio.create_task(indexes.update())
        server = await wait_until(lambda: building(login), what="a build")
        if end == "the caller is cancelled":
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        else:
            await login.execute("SELECT pg_terminate_backend($1)", server)
            with pytest.raises(StoreUnavailable):
                await call

        async def gone() -> bool:
            return not await login.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", server)

        await wait_until(gone, what="the end of the server's process")
    assert [valid for valid, _ in (await found_indexes(login)).values()] == [False]
    assert await listed(login) == {}
    changes = await indexes.update()
    assert (changes.dropped, [built.scope for built in changes.built]) == ([index_name(giant)], [giant])
    assert [valid for valid, _ in (await found_indexes(login)).values()] == [True]
    assert await listed(login) == {"giant": 120}


async def test_a_finished_index_that_is_not_listed_is_listed(indexes: ScopeIndexes, login: Login, giant: Scope) -> None:
    """Its builder crashed right after the build. The index is listed, and not built again."""
    assert (await indexes.update()).built
    before = await found_indexes(login)
    await login.execute("DELETE FROM giant_scopes")
    assert await indexes.update() == IndexChanges(built=[], dropped=[], left=[])
    assert await listed(login) == {giant.user_id: 120}
    assert await found_indexes(login) == before


async def test_a_listed_scope_without_an_index_is_repaired(indexes: ScopeIndexes, login: Login, giant: Scope) -> None:
    """An index that was dropped by hand is built again."""
    assert (await indexes.update()).built
    await login.execute(f"DROP INDEX {index_name(giant)}")
    assert [built.scope for built in (await indexes.update()).built] == [giant]
    assert await listed(login) == {"giant": 120}


async def test_a_scope_keeps_its_index_down_to_half_of_the_limit(
    indexes: ScopeIndexes, database: Database, login: Login, giant: Scope
) -> None:
    """So a scope close to the limit does not lose and gain its index in turn."""
    assert (await indexes.update()).built
    await erase(database, giant, leave=50)
    assert await indexes.update() == IndexChanges()
    await erase(database, giant, leave=49)
    changes = await indexes.update()
    assert (changes.built, changes.dropped) == ([], [index_name(giant)])
    assert (await listed(login), await found_indexes(login)) == ({}, {})


async def test_the_index_of_a_deleted_tenant_is_dropped(
    indexes: ScopeIndexes, database: Database, login: Login, giant: Scope
) -> None:
    """The list loses its entry together with the tenant, and the next call drops the index."""
    assert (await indexes.update()).built
    await TenantTable(database).remove(giant.tenant_id)
    assert await listed(login) == {}
    assert (await indexes.survey()).indexes == {index_name(giant): True}
    assert (await indexes.update()).dropped == [index_name(giant)]
    assert await found_indexes(login) == {}


async def test_tenants_and_agents_with_equal_user_ids_get_separate_indexes(
    indexes: ScopeIndexes, database: Database, login: Login, giant: Scope, other_tenant: UUID
) -> None:
    """A call builds at most as many indexes as it is asked to, the largest scope first."""
    twins = [giant, scope_of(other_tenant, "giant"), scope_of(giant.tenant_id, "giant", OTHER_AGENT)]
    for seed, scope in enumerate(twins[1:]):
        await write_vectors(database, scope, clustered(130 + 10 * seed, seed=seed))
    first = await indexes.update(builds=2)
    assert [(built.scope, built.rows) for built in first.built] == [(twins[2], 140), (twins[1], 130)]
    assert [left.scope for left in first.left] == [giant]
    assert [built.scope for built in (await indexes.update(builds=2)).built] == [giant]
    assert set(await found_indexes(login)) == {index_name(scope) for scope in twins}
    for scope, rows in zip(twins, (120, 130, 140), strict=True):
        held = "SELECT reltuples::int FROM pg_class WHERE relname = $1"
        assert await login.fetchval(held, index_name(scope)) == rows


@pytest.mark.parametrize("user", ["o'hara", "back\\slash", "%I %L $1", 'quo"te', "\U0001f600" * 256, "-- ; DROP"])
async def test_any_user_can_have_an_index(
    indexes: ScopeIndexes, database: Database, login: Login, tenant: UUID, user: str
) -> None:
    """A user id is any text, and it becomes part of a DDL statement, which takes no parameters."""
    scope = scope_of(tenant, user)
    await write_vectors(database, scope, clustered(101, seed=3))
    assert [built.scope for built in (await indexes.update()).built] == [scope]
    assert await login.fetchval("SELECT reltuples::int FROM pg_class WHERE relname = $1", index_name(scope)) == 101
    assert await indexes.update() == IndexChanges()


async def test_scopes_are_counted_page_by_page(
    indexes: ScopeIndexes, giant: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No scope is missed at the end of a page."""
    monkeypatch.setattr("eunoe_consumers.postgres.giants.scopes._SCOPES_PER_PAGE", 1)
    assert [found.scope for found in (await indexes.survey()).giants] == [giant]


@pytest.fixture
async def janitor_url(database_url: str, login: Login) -> AsyncIterator[str]:
    """A login that may take the role of the janitor only."""
    await login.execute("CREATE ROLE test_janitor LOGIN NOINHERIT; GRANT eunoe_janitor TO test_janitor")
    yield re.sub(r"//[^@]*@", "//test_janitor@", database_url)
    await login.execute("DROP ROLE test_janitor")


async def test_only_a_build_needs_the_role_of_the_owner(
    janitor_url: str, login: Login, database: Database, tenant: UUID
) -> None:
    """A login without that role succeeds if there is nothing to build. Otherwise the error says what is missing."""
    async with await Database.connect(janitor_url, connections=1) as limited:
        indexes = ScopeIndexes(limited, janitor_url, SHAPE)
        assert await indexes.update() == IndexChanges()
        await write_vectors(database, scope_of(tenant, "giant"), clustered(120, seed=1))
        with pytest.raises(ConfigurationError, match=r"EUNOE_DATABASE_URL .* login that may take the role eunoe_owner"):
            await indexes.update()
    assert (await found_indexes(login), await listed(login)) == ({}, {})


@pytest.mark.parametrize("role", ["eunoe_ingest", "eunoe_recall", "eunoe_curator", "eunoe_janitor", "eunoe_owner"])
async def test_only_the_janitor_changes_the_list(
    indexes: ScopeIndexes, login: Login, giant: Scope, other_tenant: UUID, role: str
) -> None:
    """Recall reads it, the janitor adds and removes, both within their tenant. No other role sees or changes it."""
    assert (await indexes.update()).built
    row = f"'{giant.tenant_id}', '{giant.agent_id}', 'x', 'x', 1"
    statements: dict[str, str] = {
        "SELECT": "SELECT user_id FROM giant_scopes",
        "INSERT": f"INSERT INTO giant_scopes (tenant_id, agent_id, user_id, index_name, rows_counted) VALUES ({row})",  # noqa: S608 - from here
        "UPDATE": "UPDATE giant_scopes SET rows_counted = 1",
        "DELETE": "DELETE FROM giant_scopes",
    }
    allowed: dict[str, set[str]] = {"eunoe_recall": {"SELECT"}, "eunoe_janitor": {"SELECT", "INSERT", "DELETE"}}
    for tenant in (giant.tenant_id, other_tenant):
        for kind, statement in statements.items():
            outcome = await _attempt(login, role, tenant, statement)
            if tenant == giant.tenant_id and kind in allowed.get(role, set()):
                assert outcome == f"{kind} 0 1" if kind == "INSERT" else outcome == f"{kind} 1"
            else:
                assert outcome in {f"{kind} 0", "42501"}, (role, kind)


async def _attempt(login: Login, role: str, tenant: UUID, statement: str) -> Any:
    """Run a statement as a role and roll it back. Return the command tag, or the SQLSTATE of the error."""
    transaction = login.transaction()
    await transaction.start()
    try:
        await login.execute(
            "SELECT set_config('role', $1, true), set_config('app.current_tenant', $2, true)", role, str(tenant)
        )
        return await login.execute(statement)
    except asyncpg.InsufficientPrivilegeError as error:
        return error.sqlstate
    finally:
        await transaction.rollback()


async def test_rolling_the_migration_back_drops_the_indexes(
    indexes: ScopeIndexes, database_url: str, login: Login, giant: Scope
) -> None:
    """Without the list no search uses them. After a new migration they are built again."""
    assert (await indexes.update()).built
    async with Migrator.connect(database_url, embedding_dimensions=384) as migrator:
        applied = [status.version for status in await migrator.status()]
        await migrator.down(steps=len(applied) - applied.index("0005"))
        assert await found_indexes(login) == {}
        await migrator.up()
    assert [built.scope for built in (await indexes.update()).built] == [giant]
