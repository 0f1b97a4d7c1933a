"""What an administrator does before consumers can run: the schema and the tenants."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from eunoe_consumers.connections import connect_redis
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.migrations import HnswOptions, Migration, Migrator, check_schema
from eunoe_consumers.postgres.tenants import Tenant, TenantRegistry, TenantTable
from eunoe_consumers.settings import Settings


async def migrate_up(settings: Settings) -> list[Migration]:
    """Bring the configured database to this version's schema; return what was applied.

    Raises:
        SchemaMismatch: If its embeddings have another width than is configured.
        StoreUnavailable: If PostgreSQL cannot be reached, or refuses.
    """
    async with Migrator.connect(
        settings.database_url or "",
        embedding_dimensions=settings.embedding_dimensions,
        hnsw=HnswOptions(settings.hnsw_m, settings.hnsw_ef_construction),
        wait_seconds=settings.start_timeout_seconds,
    ) as migrator:
        return await migrator.up()


@dataclass(frozen=True)
class Tenants:
    """The tenants, in the table and in its copy in Redis at once."""

    table: TenantTable
    registry: TenantRegistry

    async def add(self, name: str, tenant_id: UUID | None = None, *, language: str | None = None) -> Tenant:
        """Register a tenant, so that its events are taken.

        Raises:
            ConfigurationError: If the name or the id belongs to another tenant, or PostgreSQL knows no such language.
        """
        tenant = await self.table.add(name, tenant_id, language=language)
        await self.registry.add(tenant.id)
        return tenant

    async def remove(self, tenant_id: UUID) -> int:
        """Remove a tenant with every row and key; return how many keys there were.

        First the table: a consumer that misses the id in Redis looks there, and would put it back.
        """
        await self.table.remove(tenant_id)
        return await self.registry.remove(tenant_id)


@asynccontextmanager
async def open_tenants(settings: Settings) -> AsyncGenerator[Tenants]:
    """Connect to the configured servers for the length of the block.

    Raises:
        ConfigurationError: If a URL or the schema is wrong.
    """
    database_url, wait_seconds = settings.database_url or "", settings.start_timeout_seconds
    redis = await connect_redis(settings.redis_url or "", wait_seconds=wait_seconds)
    try:
        await check_schema(database_url, embedding_dimensions=settings.embedding_dimensions, wait_seconds=wait_seconds)
        async with await Database.connect(database_url, connections=1, wait_seconds=wait_seconds) as database:
            table = TenantTable(database)
            yield Tenants(table, TenantRegistry(redis, table))
    finally:
        await redis.aclose()
