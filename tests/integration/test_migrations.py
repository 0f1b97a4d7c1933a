"""Migrations on a real PostgreSQL: both directions, several runners at once, and the refusal of any other schema."""

import asyncio
import re
from importlib.resources import files

import asyncpg
import numpy as np
import pytest

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import SchemaMismatch
from eunoe_consumers.postgres.migration_files import Migration, load_migrations
from eunoe_consumers.postgres.migrations import HnswOptions, Migrator
from eunoe_consumers.postgres.schema_check import check_schema
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.postgres.turns import NewTurn, TurnWriter
from eunoe_schema.entries import EntryOrder
from eunoe_schema.memory import content_hash
from eunoe_tests.events import event_of, scope_of

pytestmark = pytest.mark.slow

VERSIONS = [migration.version for migration in load_migrations()]
ROLES = ["eunoe_curator", "eunoe_ingest", "eunoe_janitor", "eunoe_owner", "eunoe_recall"]

# A schema as rows of text, without the objects of the extension. Columns are numbered anew, because PostgreSQL never
# uses the number of a dropped column again.
CATALOGUE = """
WITH relations AS (
    SELECT c.* FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
), functions AS (
    SELECT p.* FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
)
SELECT 'relation' AS kind, relname::text AS name, concat_ws(' ', relkind, relowner::regrole, relrowsecurity,
    relforcerowsecurity, reloptions::text, obj_description(oid, 'pg_class')) AS definition FROM relations
UNION ALL
SELECT 'column', relname || '.' || attname, concat_ws(' ',
    row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod), attnotnull,
    attstorage, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
    FROM pg_attribute JOIN relations ON relations.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(pg_constraint.oid)
    FROM pg_constraint JOIN relations ON relations.oid = conrelid
UNION ALL
SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    FROM pg_index JOIN relations ON relations.oid = indrelid
UNION ALL
SELECT 'policy', tablename || '.' || policyname, concat_ws(' ', permissive, roles::text, cmd, qual, with_check)
    FROM pg_policies
UNION ALL
SELECT 'grant', relname || ' to ' || grantee::regrole, string_agg(privilege_type, ' ' ORDER BY privilege_type)
    FROM relations CROSS JOIN aclexplode(relacl) GROUP BY relname, grantee
UNION ALL
SELECT 'grant', 'schema to ' || grantee::regrole, string_agg(privilege_type, ' ' ORDER BY privilege_type)
    FROM pg_namespace CROSS JOIN aclexplode(nspacl) WHERE nspname = 'public' GROUP BY grantee
UNION ALL
SELECT 'function', oid::regprocedure::text,
    concat_ws(' ', pg_get_functiondef(oid), proowner::regrole, proacl::text) FROM functions
UNION ALL
SELECT 'trigger', relname || '.' || tgname, pg_get_triggerdef(pg_trigger.oid)
    FROM pg_trigger JOIN relations ON relations.oid = tgrelid WHERE NOT tgisinternal
ORDER BY 1, 2, 3
"""


async def fetch(url: str, statement: str) -> list[tuple[object, ...]]:
    """Return the rows of a statement that the login runs."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row.values()) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def up(url: str, *, dimensions: int = 384) -> list[str]:
    """Migrate. Return the applied versions."""
    async with Migrator.connect(url, embedding_dimensions=dimensions) as migrator:
        return [migration.version for migration in await migrator.up()]


async def down(url: str, *, steps: int = 100) -> list[str]:
    """Roll back. Return the rolled back versions."""
    async with Migrator.connect(url, embedding_dimensions=384) as migrator:
        return [migration.version for migration in await migrator.down(steps=steps)]


async def test_up_down_up_gives_the_same_catalogue(empty_database_url: str) -> None:
    """A full rollback leaves only the ledger, and migrating again gives the same schema."""
    url = empty_database_url
    before = await fetch(url, CATALOGUE)
    assert await up(url) == VERSIONS
    first = await fetch(url, CATALOGUE)
    kinds = {kind for kind, _, _ in first}
    assert kinds == {"relation", "column", "constraint", "index", "policy", "grant", "function", "trigger"}

    assert await down(url) == VERSIONS[::-1]
    ledger = [row for row in await fetch(url, CATALOGUE) if "schema_migrations" in str(row[1])]
    assert sorted(await fetch(url, CATALOGUE), key=str) == sorted([*before, *ledger], key=str)

    assert await up(url) == VERSIONS
    assert await fetch(url, CATALOGUE) == first


@pytest.mark.parametrize("steps", range(1, len(VERSIONS) + 1))
async def test_each_step_down_and_up_again_gives_the_same_catalogue(database_url: str, steps: int) -> None:
    """Each migration can be rolled back by itself."""
    first = await fetch(database_url, CATALOGUE)
    assert await down(database_url, steps=steps) == VERSIONS[::-1][:steps]
    assert await fetch(database_url, CATALOGUE) != first
    assert await up(database_url) == VERSIONS[-steps:]
    assert await fetch(database_url, CATALOGUE) == first


@pytest.mark.parametrize("runners", [2, 4])
async def test_one_of_concurrent_runners_applies_each_migration(empty_database_url: str, runners: int) -> None:
    """The others wait, find nothing to do, and do not fail."""
    applied = await asyncio.gather(*(up(empty_database_url) for _ in range(runners)))
    assert sorted(version for versions in applied for version in versions) == VERSIONS
    assert await fetch(empty_database_url, "SELECT version FROM schema_migrations ORDER BY 1") == [
        (version,) for version in VERSIONS
    ]


async def test_one_of_concurrent_rollbacks_reverts_each_migration(empty_database_url: str) -> None:
    """The others find it reverted."""
    await up(empty_database_url)
    rolled_back = await asyncio.gather(down(empty_database_url), down(empty_database_url))
    assert sorted(version for versions in rolled_back for version in versions) == VERSIONS


async def test_the_extension_is_created_and_stays_after_a_rollback(empty_database_url: str) -> None:
    """`vector` is created if it is absent. A rollback keeps it and the roles, which others may use."""
    extension = "SELECT extname::text FROM pg_extension WHERE extname = 'vector'"
    assert await fetch(empty_database_url, extension) == []
    await up(empty_database_url)
    assert await fetch(empty_database_url, extension) == [("vector",)]
    await down(empty_database_url)
    assert await fetch(empty_database_url, extension) == [("vector",)]
    roles = await fetch(
        empty_database_url,
        "SELECT rolname::text, rolcanlogin, rolbypassrls, rolsuper FROM pg_roles WHERE rolname ~ '^eunoe' ORDER BY 1",
    )
    assert roles == [(role, False, False, False) for role in ROLES]


@pytest.mark.parametrize(("dimensions", "covered"), [(384, True), (768, True), (1536, False)])
async def test_the_width_is_chosen_by_the_first_migration(
    empty_database_url: str, dimensions: int, *, covered: bool
) -> None:
    """After a rollback another width can be chosen. The index holds embeddings as long as they fit a btree row."""
    await up(empty_database_url)
    await down(empty_database_url)
    await up(empty_database_url, dimensions=dimensions)
    await check_schema(empty_database_url, embedding_dimensions=dimensions)
    definitions = {(kind, name): definition for kind, name, definition in await fetch(empty_database_url, CATALOGUE)}
    column = definitions["column", "conversation_embeddings.embedding"]
    assert f"halfvec({dimensions})" in str(column)
    index = str(definitions["index", "conversation_embeddings_by_scope"])
    assert index.endswith("INCLUDE (id, embedding)" if covered else "INCLUDE (id)")


@pytest.mark.parametrize("dimensions", [384, 768, 1024, 1300, 1536, 3072])
async def test_a_turn_with_the_longest_names_fits_at_every_width(empty_database_url: str, dimensions: int) -> None:
    """The contract allows a user id of 256 characters of four bytes. It is stored beside any embedding."""
    await up(empty_database_url, dimensions=dimensions)
    generator = np.random.default_rng(dimensions)
    # Random, so that nothing is saved by compression.
    user = "".join(map(chr, generator.integers(0x20000, 0x2A6D0, 256)))
    embedding = generator.standard_normal(dimensions).astype(np.float32)
    async with await Database.connect(empty_database_url, connections=1) as database:
        tenant = await TenantTable(database).add("acme")
        scope = scope_of(tenant.id, user=user)
        turn = NewTurn(event_of(scope, "e1"), EntryOrder(1_700_000_000_000, 0), embedding)
        assert await TurnWriter(database, embedding_model="test").write([turn]) == 1
        found = await CandidateReader(database).candidates(scope, embedding, [], limit=1)
        assert [turn.event_id for turn in found] == ["e1"]


async def test_the_hnsw_index_is_built_with_the_configured_options(empty_database_url: str) -> None:
    """A pair that pgvector refuses is refused before the migration."""
    async with Migrator.connect(empty_database_url, embedding_dimensions=384, hnsw=HnswOptions(8, 40)) as migrator:
        await migrator.up()
    statement = "SELECT pg_get_indexdef('memories_by_embedding'::regclass)"
    ((definition,),) = await fetch(empty_database_url, statement)
    assert str(definition).endswith("USING hnsw (embedding halfvec_cosine_ops) WITH (m='8', ef_construction='40')")
    with pytest.raises(ConfigurationError, match="EUNOE_HNSW_EF_CONSTRUCTION is 20, EUNOE_HNSW_M 16"):
        HnswOptions(16, 20)


async def test_check_schema_accepts_a_migrated_database(database_url: str) -> None:
    """It does not change the database."""
    before = await fetch(database_url, CATALOGUE)
    await check_schema(database_url, embedding_dimensions=384)
    assert await fetch(database_url, CATALOGUE) == before


async def test_check_schema_refuses_an_empty_database_and_leaves_it_empty(empty_database_url: str) -> None:
    """Consumers never migrate. The error names the command that does."""
    with pytest.raises(SchemaMismatch, match=rf"lacks migration {', '.join(VERSIONS)}.*`eunoe migrate up`"):
        await check_schema(empty_database_url, embedding_dimensions=384)
    assert [row for row in await fetch(empty_database_url, CATALOGUE) if row[0] == "relation"] == []


async def test_check_schema_refuses_a_missing_migration(database_url: str) -> None:
    """The error names the migration."""
    await down(database_url, steps=1)
    with pytest.raises(SchemaMismatch, match=rf"lacks migration {VERSIONS[-1]}: run `eunoe migrate up`"):
        await check_schema(database_url, embedding_dimensions=384)


async def test_check_schema_refuses_a_newer_schema(database_url: str) -> None:
    """The error asks for a newer version of Eunoe."""
    await fetch(database_url, "INSERT INTO schema_migrations (version) VALUES ('9999')")
    with pytest.raises(SchemaMismatch, match=r"has migration 9999, unknown to this version: upgrade eunoe"):
        await check_schema(database_url, embedding_dimensions=384)


async def test_another_width_is_refused_by_check_and_by_up(database_url: str) -> None:
    """Before anything is written, with both widths and with what to do."""
    message = r"have 384 dimensions, EUNOE_EMBEDDING_DIMENSIONS is 768: set it to .* or migrate a new database"
    with pytest.raises(SchemaMismatch, match=message):
        await check_schema(database_url, embedding_dimensions=768)
    before = await fetch(database_url, CATALOGUE)
    with pytest.raises(SchemaMismatch, match=message):
        await up(database_url, dimensions=768)
    assert await fetch(database_url, CATALOGUE) == before


async def test_turns_have_the_columns_of_the_requirement(database_url: str) -> None:
    """Row K3: conversation_embeddings with its types, its checks and its foreign key to the tenant."""
    columns = await fetch(
        database_url,
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
        "WHERE attrelid = 'conversation_embeddings'::regclass AND attnum > 0 AND NOT attisdropped",
    )
    wanted = {
        "id": "uuid", "tenant_id": "uuid", "agent_id": "uuid", "user_id": "text", "content": "text", "role": "text",
        "created_at": "timestamp with time zone", "embedding": "halfvec(384)", "event_id": "text", "position": "bigint",
    }  # fmt: skip
    assert {(name, kind, True) for name, kind in wanted.items()} <= set(columns)
    optional = {"session_id", "thread_id", "channel", "speaker", "occurred_at"}
    assert {name for name, _, required in columns if not required} == optional
    constraints = await fetch(
        database_url,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'conversation_embeddings'::regclass",
    )
    texts = " ".join(str(definition) for (definition,) in constraints)
    assert "FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE" in texts
    assert "CHECK ((role = ANY (ARRAY['user'::text, 'assistant'::text])))" in texts
    assert "PRIMARY KEY (tenant_id, id)" in texts
    assert "l2_norm(embedding) > " in texts


async def test_the_covering_index_is_that_of_the_requirement(database_url: str) -> None:
    """Row K4: a btree on scope and time, the newest first, that also holds what the search needs."""
    wanted = (
        "CREATE INDEX conversation_embeddings_by_scope ON public.conversation_embeddings "
        'USING btree (tenant_id, agent_id, user_id, created_at DESC, "position" DESC) INCLUDE (id, embedding)'
    )
    statement = "SELECT pg_get_indexdef('conversation_embeddings_by_scope'::regclass)"
    assert await fetch(database_url, statement) == [(wanted,)]


@pytest.mark.parametrize("migration", load_migrations(), ids=lambda migration: f"{migration.version}_{migration.name}")
def test_files_are_in_the_format_of_dbmate(migration: Migration) -> None:
    """A version in the name, one up block and then one down block, and nothing before them."""
    name = f"{migration.version}_{migration.name}.sql"
    assert re.fullmatch(r"\d{4}_[a-z]+(_[a-z]+)+\.sql", name)
    text = files("eunoe_sql").joinpath("migrations", name).read_text(encoding="utf-8")
    marks = re.findall(r"^--\s*migrate:(\w+)\s*$", text, re.MULTILINE)
    assert marks == ["up", "down"]
    assert text.startswith("-- migrate:up")
    assert migration.up.strip()
    assert migration.down.strip()


async def test_each_block_resets_the_role_for_the_ledger(empty_database_url: str) -> None:
    """Dbmate runs a block and its ledger entry in one transaction, and the login writes the entry."""
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute(files("eunoe_sql").joinpath("bootstrap.sql").read_text(encoding="utf-8"))
        await connection.execute("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
        for migration in load_migrations():
            async with connection.transaction():
                await connection.execute(migration.up)
                assert await connection.fetchval("SELECT current_user = session_user")
                await connection.execute("INSERT INTO schema_migrations (version) VALUES ($1)", migration.version)
        await check_schema(empty_database_url, embedding_dimensions=384)
        for migration in reversed(load_migrations()):
            async with connection.transaction():
                await connection.execute(migration.down)
                assert await connection.fetchval("SELECT current_user = session_user")
                await connection.execute("DELETE FROM schema_migrations WHERE version = $1", migration.version)
    finally:
        await connection.close()


async def test_stored_contents_get_the_hash_of_the_contract(database_url: str) -> None:
    """Contents of the earlier hash are confirmed after the migration; SQL and Python compute the same hash."""
    contents = ["Cafe\u0301", "\n \t\nif x:\n    y()\r\n", "  Kx9AbQ \f\v", "\u00a0Å\u212b 神 \u00a0", "x" * 8_192]
    await down(database_url, steps=VERSIONS[::-1].index("0024") + 1)
    connection = await asyncpg.connect(database_url)
    try:
        tenant = await connection.fetchval(
            "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'a') RETURNING id"
        )
        await connection.execute("INSERT INTO users VALUES ($1, 'ada')", tenant)
        await connection.executemany(
            "INSERT INTO memories (tenant_id, id, user_id, tier, category, content, content_hash) "
            "VALUES ($1, gen_random_uuid(), 'ada', 'personal', 'factual', $2, encode(sha256($2::text::bytea), 'hex'))",
            [(tenant, content) for content in contents],
        )
    finally:
        await connection.close()
    await up(database_url)
    expected = sorted((content, content_hash(content)) for content in contents)
    for table in ("memories", "memory_versions"):
        assert sorted(await fetch(database_url, f"SELECT content, content_hash FROM {table}")) == expected  # noqa: S608
