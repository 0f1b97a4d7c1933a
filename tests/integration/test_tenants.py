"""Tenants: the table, the registry in Redis, and the removal from both."""

from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.tenant_registry import TenantCheck, TenantRegistry
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import RowRefused
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.postgres.turns import NewPiece, NewTurn, TurnWriter
from eunoe_consumers.window.window import Windows
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.recall import WindowMessage
from eunoe_schema.streams import Subject
from eunoe_tests.curation import CURATED, fill_curated
from eunoe_tests.events import event_of, scope_of

pytestmark = pytest.mark.slow

TABLES = sorted(
    [
        *CURATED,
        "agents",
        "conversation_embeddings",
        "giant_scopes",
        "postings",
        "sessions",
        "speakers",
        "turn_pieces",
        "users",
    ]
)


@pytest.fixture
def table(database: Database) -> TenantTable:
    """The table of tenants."""
    return TenantTable(database)


@pytest.fixture
async def login(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of a superuser, who sees every row."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def names(table: TenantTable) -> list[str]:
    """Return the names of all tenants."""
    return [tenant.name for tenant in await table.registered()]


async def every_key(redis: Redis) -> set[bytes]:
    """Return every key."""
    return set(cast("list[bytes]", await redis.keys()))


async def test_adding_a_tenant_twice_adds_it_once(table: TenantTable) -> None:
    """With the same id and name, or with the name alone, the existing tenant is returned."""
    wanted = uuid4()
    added = await table.add("acme", wanted)
    assert (added.id, added.name) == (wanted, "acme")
    assert await table.add("acme", wanted) == added
    assert await table.add("acme") == added
    other = await table.add("umbrella")
    assert other.id != wanted
    assert await table.registered() == [added, other]
    assert await table.ids() == {added.id, other.id}


async def test_a_tenant_is_found_by_id_and_by_name(table: TenantTable) -> None:
    """An unknown one is None."""
    added = await table.add("acme")
    assert await table.find("acme") == added
    assert await table.find(str(added.id)) == added
    assert await table.find("umbrella") is None
    assert await table.find(str(uuid4())) is None


async def test_a_name_of_another_tenant_is_refused(table: TenantTable) -> None:
    """The message names that tenant, and nothing is added."""
    acme = await table.add("acme")
    umbrella = await table.add("umbrella")
    for wanted in (uuid4(), umbrella.id):
        with pytest.raises(ConfigurationError, match=rf"the name 'acme' belongs to tenant {acme.id}"):
            await table.add("acme", wanted)
    assert await names(table) == ["acme", "umbrella"]


async def test_an_id_with_another_name_is_refused(table: TenantTable) -> None:
    """The message names the present name, and nothing is added or renamed."""
    acme = await table.add("acme")
    with pytest.raises(ConfigurationError, match=rf"tenant {acme.id} exists under the name 'acme'"):
        await table.add("acme international", acme.id)
    assert await names(table) == ["acme"]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\x00b"], ids=["empty", "too long", "NUL"])
async def test_a_name_that_cannot_be_stored_is_refused(table: TenantTable, name: str) -> None:
    """The message says that a name has 1 to 200 characters."""
    with pytest.raises(ConfigurationError, match="1 to 200 characters"):
        await table.add(name)
    assert await names(table) == []


async def test_a_tenant_cannot_be_named_like_the_id_of_another(table: TenantTable) -> None:
    """Otherwise removing one could remove the other."""
    acme = await table.add("acme")
    impostor: UUID | None = None
    try:
        impostor = (await table.add(str(acme.id))).id
    except (ConfigurationError, RowRefused):
        assert await names(table) == ["acme"]
    assert impostor != acme.id
    assert await table.find(str(acme.id)) == acme


async def test_an_absent_registry_is_filled(redis: Redis, database: Database, table: TenantTable) -> None:
    """With every tenant and the mark. Without any tenant there is still the mark, so empty and lost differ."""
    registry = TenantRegistry(redis, TenantTable(database))
    await registry.fill_if_absent()
    assert await redis.smembers(keys.TENANTS) == {b"-"}
    acme, umbrella = await table.add("acme"), await table.add("umbrella")
    await registry.fill_if_absent()
    assert await redis.smembers(keys.TENANTS) == {b"-"}, "a filled registry is not changed"
    await redis.delete(keys.TENANTS)
    await registry.fill_if_absent()
    assert await redis.smembers(keys.TENANTS) == {b"-", str(acme.id).encode(), str(umbrella.id).encode()}


async def test_adding_to_a_lost_registry_fills_it(redis: Redis, registry: TenantRegistry, table: TenantTable) -> None:
    """A registry never holds one tenant alone while the table holds more."""
    acme, umbrella = await table.add("acme"), await table.add("umbrella")
    await redis.delete(keys.TENANTS)
    await registry.add(umbrella.id)
    assert await redis.smembers(keys.TENANTS) == {b"-", str(acme.id).encode(), str(umbrella.id).encode()}


async def test_no_tenant_is_unknown_because_redis_lost_it(
    redis: Redis, registry: TenantRegistry, tenant: UUID, other_tenant: UUID
) -> None:
    """A lost registry is filled from the table. A truly unknown tenant is still named."""
    stranger = uuid4()
    assert (await registry.check({tenant, other_tenant, stranger}, Subject.MESSAGES)).unknown == {stranger}
    await redis.delete(keys.TENANTS)
    assert (await registry.check({tenant, stranger}, Subject.MESSAGES)).unknown == {stranger}
    assert await redis.smembers(keys.TENANTS) == {b"-", str(tenant).encode(), str(other_tenant).encode()}
    assert await registry.check(set(), Subject.MESSAGES) == TenantCheck()
    assert (await registry.check({stranger}, Subject.MESSAGES)).unknown == {stranger}


async def test_removing_a_tenant_removes_its_rows_and_no_others(
    database: Database,
    table: TenantTable,
    login: "asyncpg.Connection[asyncpg.Record]",
    tenant: UUID,
    other_tenant: UUID,
) -> None:
    """By cascade, in every table, although the owner sees none of the rows."""
    writer = TurnWriter(database, embedding_model="test")
    embedding = np.ones(384, dtype=np.float32)
    await writer.write(
        [
            NewTurn(
                event_of(scope_of(owner), f"e{n}", "apples", session_id="s", speaker="Ada"),
                EntryOrder(1 + n, 0),
                embedding,
                (NewPiece(1, 5, embedding),),
            )
            for owner in (tenant, other_tenant)
            for n in range(3)
        ]
    )
    for owner in (tenant, other_tenant):
        await fill_curated(login, owner)
    await login.execute("INSERT INTO giant_scopes SELECT id, id, 'ada', 'index_' || id, 1, now() FROM tenants")
    # Every table with rows of a tenant must be in this list, or the test would miss remaining rows.
    of_tenants = await login.fetch(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id' "
        "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"
    )
    assert [row["relname"] for row in of_tenants] == TABLES

    async def owners(name: str) -> set[UUID]:
        return {row["tenant_id"] for row in await login.fetch(f"SELECT tenant_id FROM {name}")}  # noqa: S608

    for name in TABLES:
        assert await owners(name) == {tenant, other_tenant}
    await table.remove(tenant)
    for name in TABLES:
        assert await owners(name) == {other_tenant}
    assert await names(table) == ["umbrella"]
    await table.remove(tenant)  # a second removal is no error


async def test_removing_a_tenant_removes_its_keys_and_no_others(
    redis: Redis, registry: TenantRegistry, table: TenantTable, tenant: UUID, other_tenant: UUID
) -> None:
    """Other tenants and the streams keep theirs, and the registry no longer holds it."""
    windows = Windows(redis, size=20)
    message = WindowMessage(role="user", content="hello", id="1-0", event_id="e1")
    for number in range(1_500):  # more than one step of a SCAN
        await redis.set(keys.session(tenant, f"t{number}"), "{}")
    for owner in (tenant, other_tenant):
        await windows.append(scope_of(owner), [message], loaded=[])
        await redis.set(keys.engaged(owner, str(tenant)), "1")
    await redis.xadd("eunoe:messages", {"tenant_id": str(tenant)})
    others = {key for key in await every_key(redis) if not key.startswith(f"{tenant}:".encode())}
    assert len(others) == 2 + 2  # two of the other tenant, the registry, the stream

    await table.remove(tenant)
    assert await registry.remove(tenant) == 1_502
    assert await every_key(redis) == others | {keys.REMOVED_TENANTS.encode()}
    assert await redis.smembers(keys.TENANTS) == {b"-", str(other_tenant).encode()}
    assert (await registry.check({tenant, other_tenant}, Subject.MESSAGES)).unknown == {tenant}
    assert await registry.remove(tenant) == 0
