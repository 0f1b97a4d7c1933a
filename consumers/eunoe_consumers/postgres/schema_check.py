"""Open a database only if it has the schema of this version."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg

from eunoe_consumers.postgres.database import Database, SchemaQueries, until_reachable
from eunoe_consumers.postgres.errors import SchemaMismatch, wrapped
from eunoe_consumers.postgres.migration_files import load_migrations
from eunoe_consumers.postgres.settings import DatabaseSettings


@asynccontextmanager
async def open_database(
    url: str, settings: DatabaseSettings, *, embedding_dimensions: int, connections: int | None = None
) -> AsyncGenerator[Database]:
    """Check the schema, then open a pool for the length of the block.

    Args:
        url: The database.
        settings: How to connect.
        embedding_dimensions: The width that the embeddings must have.
        connections: Connections of the pool; None for the number that the settings name.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        SchemaMismatch: If the schema is another one.
        StoreUnavailable: If PostgreSQL cannot be reached.
    """
    wait_seconds = settings.start_timeout_seconds
    await check_schema(url, embedding_dimensions=embedding_dimensions, wait_seconds=wait_seconds)
    async with await Database.connect(
        url,
        connections=connections or settings.database_connections,
        statement_cache_size=settings.statement_cache_size,
        wait_seconds=wait_seconds,
    ) as database:
        yield database


async def check_schema(url: str, *, embedding_dimensions: int, wait_seconds: float = 30.0) -> None:
    """Refuse a database with another schema than this version needs. Never migrate it.

    Raises:
        SchemaMismatch: If a migration is missing or unknown to this version, or the width differs.
        ConfigurationError: If the URL or the credentials are wrong.
        StoreUnavailable: If PostgreSQL cannot be reached.
    """
    connection = await until_reachable(
        lambda: asyncpg.connect(url, server_settings={"application_name": "eunoe"}), wait_seconds=wait_seconds
    )
    with wrapped():
        try:
            applied = set(await applied_versions(connection))
            known = {migration.version for migration in load_migrations()}
            if missing := sorted(known - applied):
                raise SchemaMismatch(f"the database lacks migration {', '.join(missing)}: run `eunoe migrate up`")
            if newer := sorted(applied - known):
                raise SchemaMismatch(
                    f"the database has migration {', '.join(newer)}, unknown to this version: upgrade eunoe"
                )
            await check_dimensions(connection, embedding_dimensions)
        finally:
            await connection.close()


async def applied_versions(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Return the versions in the ledger; none if there is no ledger."""
    try:
        return [row["version"] for row in await connection.fetch(SchemaQueries.applied_versions)]
    except asyncpg.UndefinedTableError:
        return []


async def check_dimensions(connection: "asyncpg.Connection[asyncpg.Record]", expected: int) -> None:
    """Compare the width of the embeddings column with the setting.

    Raises:
        SchemaMismatch: If they differ.
    """
    found = await connection.fetchval(SchemaQueries.embedding_dimensions)
    if found != expected:
        raise SchemaMismatch(
            f"the database's embeddings have {found} dimensions, EUNOE_EMBEDDING_DIMENSIONS is {expected}: "
            "set it to the database's width, or migrate a new database"
        )
