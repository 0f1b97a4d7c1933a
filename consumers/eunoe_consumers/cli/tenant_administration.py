"""Add and remove tenants in the table and in Redis at once: for `eunoe tenant` and `eunoe demo`."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from eunoe_consumers.delivery.redis_client import connect_redis
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.postgres.schema_check import open_database
from eunoe_consumers.postgres.tenants import Tenant, TenantTable
from eunoe_consumers.settings import Settings


@dataclass(frozen=True)
class Tenants:
    """The table of tenants and the registry in Redis."""

    table: TenantTable
    registry: TenantRegistry

    async def add(self, name: str, tenant_id: UUID | None = None, *, language: str | None = None) -> Tenant:
        """Register a tenant. From then on its events are accepted.

        Raises:
            ConfigurationError: If the name or the id belongs to another tenant, or PostgreSQL has no such language.
        """
        # Read before the tenant is registered, so that no entry of the new registration counts as removed.
        last_entry_ids = await self.registry.last_entry_ids()
        tenant = await self.table.add(name, tenant_id, language=language, last_entry_ids=last_entry_ids)
        await self.registry.add(tenant.id)
        return tenant

    async def remove(self, tenant_id: UUID) -> int:
        """Remove a tenant with all its rows and keys; return how many keys there were.

        The table comes first. A consumer that misses the id in Redis reads the table, and would register it again.
        """
        await self.table.remove(tenant_id, last_entry_ids=await self.registry.last_entry_ids())
        return await self.registry.remove(tenant_id)


@asynccontextmanager
async def open_tenants(settings: Settings) -> AsyncGenerator[Tenants]:
    """Connect to the configured servers for the length of the block.

    Raises:
        ConfigurationError: If a URL or the schema is wrong.
    """
    redis = await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)
    try:
        async with open_database(
            settings.database_url or "",
            settings,
            embedding_dimensions=settings.embedding_dimensions,
            connections=1,
        ) as database:
            table = TenantTable(database)
            yield Tenants(table, TenantRegistry(redis, table))
    finally:
        await redis.aclose()
