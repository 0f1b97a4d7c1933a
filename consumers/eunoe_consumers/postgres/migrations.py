"""Apply and roll back migrations, and record them in dbmate's ledger table.

Operators may run dbmate itself on the same files, after `psql -f bootstrap.sql`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.database import poll_lock, until_reachable
from eunoe_consumers.postgres.errors import StoreUnavailable, wrapped
from eunoe_consumers.postgres.migration_files import Migration, load_migrations
from eunoe_consumers.postgres.schema_check import applied_versions, check_dimensions

# The key of the advisory lock. Any number works that no other program uses: this is "eunoe" in ASCII.
_LOCK = 0x65756E6F65
_LEDGER = "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)"


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, and whether the database has it."""

    version: str
    name: str
    applied: bool


@dataclass(frozen=True)
class HnswOptions:
    """The options of the approximate index of memories.

    Attributes:
        m: Links per row.
        ef_construction: Candidates per row while the index is built; at least twice `m`.
    """

    m: int = 16
    ef_construction: int = 64

    def __post_init__(self) -> None:
        """Refuse a pair that pgvector would refuse in the middle of a migration.

        Raises:
            ConfigurationError: If `ef_construction` is less than twice `m`.
        """
        if self.ef_construction < 2 * self.m:
            raise ConfigurationError(
                f"EUNOE_HNSW_EF_CONSTRUCTION is {self.ef_construction}, EUNOE_HNSW_M {self.m}: "
                "it must be at least twice that"
            )


class Migrator:
    """Changes the schema of a database. The login must have the right to create tables, roles and the extension."""

    def __init__(
        self,
        connection: "asyncpg.Connection[asyncpg.Record]",
        *,
        embedding_dimensions: int,
        hnsw: HnswOptions | None = None,
    ) -> None:
        self._connection = connection
        self._embedding_dimensions = embedding_dimensions
        self._hnsw = hnsw or HnswOptions()

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, embedding_dimensions: int, hnsw: HnswOptions | None = None, wait_seconds: float = 30.0
    ) -> "AsyncGenerator[Migrator]":
        """Connect for the length of the block.

        Raises:
            ConfigurationError: If the URL or the credentials are wrong.
            StoreUnavailable: If PostgreSQL cannot be reached, or a statement failed.
        """
        connection = await until_reachable(
            lambda: asyncpg.connect(url, server_settings={"application_name": "eunoe migrate"}),
            wait_seconds=wait_seconds,
        )
        with wrapped():
            try:
                yield cls(connection, embedding_dimensions=embedding_dimensions, hnsw=hnsw)
            finally:
                await connection.close()

    async def up(self, *, wait_seconds: float = 300.0) -> list[Migration]:
        """Apply the missing migrations and return them. Of several runners, exactly one applies each.

        Raises:
            SchemaMismatch: If the database's embeddings have another width.
            StoreUnavailable: If another runner holds the lock for longer than `wait_seconds`.
        """
        async with self._locked(wait_seconds):
            await self._connection.execute(files("eunoe_sql").joinpath("bootstrap.sql").read_text(encoding="utf-8"))
            await self._connection.execute(_LEDGER)
            await self._connection.execute(
                "SELECT set_config('eunoe.embedding_dimensions', $1, false), set_config('eunoe.hnsw_m', $2, false), "
                "set_config('eunoe.hnsw_ef_construction', $3, false)",
                str(self._embedding_dimensions),
                str(self._hnsw.m),
                str(self._hnsw.ef_construction),
            )
            applied = await self._applied()
            pending = [migration for migration in load_migrations() if migration.version not in applied]
            for migration in pending:
                await self._run(migration, migration.up, "INSERT INTO schema_migrations (version) VALUES ($1)")
            await check_dimensions(self._connection, self._embedding_dimensions)
        return pending

    async def down(self, *, steps: int = 1, wait_seconds: float = 300.0) -> list[Migration]:
        """Roll back the last `steps` migrations and return them. Extension and roles stay.

        Raises:
            StoreUnavailable: If another runner holds the lock for longer than `wait_seconds`.
        """
        async with self._locked(wait_seconds):
            applied = await self._applied()
            last = [migration for migration in reversed(load_migrations()) if migration.version in applied][:steps]
            for migration in last:
                await self._run(migration, migration.down, "DELETE FROM schema_migrations WHERE version = $1")
        return last

    async def status(self) -> list[MigrationStatus]:
        """Return every migration, and whether the database has it."""
        applied = await self._applied()
        return [
            MigrationStatus(migration.version, migration.name, migration.version in applied)
            for migration in load_migrations()
        ]

    async def _run(self, migration: Migration, statements: str, record: str) -> None:
        if migration.transaction:
            async with self._connection.transaction():
                await self._connection.execute(statements)
                await self._connection.execute(record, migration.version)
        else:
            await self._connection.execute(statements)
            await self._connection.execute(record, migration.version)

    async def _applied(self) -> set[str]:
        return set(await applied_versions(self._connection))

    @asynccontextmanager
    async def _locked(self, wait_seconds: float) -> AsyncGenerator[None]:
        """Hold the lock of migrations during the block."""
        locked = await poll_lock(
            lambda: self._connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK), wait_seconds=wait_seconds
        )
        if not locked:
            raise StoreUnavailable(f"another `eunoe migrate` has held the lock for {wait_seconds:g} s")
        try:
            yield
        finally:
            await self._connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
