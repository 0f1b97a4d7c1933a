"""The registry of tenants: the table, and its copy in Redis that every publish and every group checks."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID, uuid4

from redis.asyncio import Redis

from eunoe_consumers.connections import redis_wrapped
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema import keys

_SCAN_COUNT = 1_000
_NAME_CHARS = 200
DEFAULT_LANGUAGE = "english"
# A flood of events of an unknown tenant must not read the whole table for each batch. A tenant that is added is known
# to Redis at once, and this is not asked.
_REFUSED_SECONDS = 2.0
_REFUSED_TENANTS = 10_000


class TenantQueries(QueryFile, file="tenants"):
    """The statements of tenants.sql."""

    add_tenant: str
    list_tenants: str
    find_tenant: str
    remove_tenant: str
    text_search_configurations: str
    tenant_ids: str


@dataclass(frozen=True)
class Tenant:
    """A registered tenant.

    Attributes:
        id: Its UUID.
        name: Unique.
        created_at: When it was registered.
        language: The text search configuration that stems its messages and queries.
    """

    id: UUID
    name: str
    created_at: datetime
    language: str


class TenantTable:
    """The registry's durable side."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ids(self) -> set[UUID]:
        """Return the ids of all tenants; any role may ask."""
        async with self._database.transaction(DatabaseRole.RECALL) as connection:
            return {row["id"] for row in await connection.fetch(TenantQueries.tenant_ids)}

    async def registered(self) -> list[Tenant]:
        """Return all tenants, the oldest first."""
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            return [Tenant(**row) for row in await connection.fetch(TenantQueries.list_tenants)]

    async def find(self, id_or_name: str) -> Tenant | None:
        """Return the tenant of an id or a name."""
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            row = await connection.fetchrow(TenantQueries.find_tenant, _as_uuid(id_or_name), id_or_name)
        return Tenant(**row) if row else None

    async def add(self, name: str, tenant_id: UUID | None = None, *, language: str | None = None) -> Tenant:
        """Register a tenant; again with the same id, name and language is no error.

        Args:
            name: 1 to 200 characters, unique.
            tenant_id: Its UUID; a new one where absent.
            language: A text search configuration of PostgreSQL: 'german', say, or 'simple' for words as they are
                written; absent: English.

        Raises:
            ConfigurationError: If the name belongs to another tenant, or the id to another name, or the name is empty,
                longer than 200 characters, or a UUID, which could be taken for another tenant's id; if PostgreSQL does
                not know the language, or the tenant has another one.
        """
        if not 1 <= len(name) <= _NAME_CHARS or "\x00" in name or _as_uuid(name) is not None:
            msg = (
                f"{name!r} is not a tenant's name: 1 to {_NAME_CHARS} characters, and not a UUID (give that with --id)"
            )
            raise ConfigurationError(msg)
        wanted = tenant_id or uuid4()
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            known = [row["language"] for row in await connection.fetch(TenantQueries.text_search_configurations)]
            if language is not None and language not in known:
                msg = f"{language!r} is not a language of this PostgreSQL: it knows {', '.join(known)}"
                raise ConfigurationError(msg)
            await connection.execute(TenantQueries.add_tenant, wanted, name, language or DEFAULT_LANGUAGE)
            by_name = await connection.fetchrow(TenantQueries.find_tenant, None, name)
            by_id = await connection.fetchrow(TenantQueries.find_tenant, wanted, None)
        if by_name is None:
            msg = f"tenant {wanted} exists under the name {by_id['name'] if by_id else 'unknown'!r}"
            raise ConfigurationError(msg)
        if tenant_id is not None and by_name["id"] != tenant_id:
            msg = f"the name {name!r} belongs to tenant {by_name['id']}"
            raise ConfigurationError(msg)
        if language is not None and by_name["language"] != language:
            msg = (
                f"tenant {name!r} has the language {by_name['language']!r}, in which its messages are indexed: it "
                f"cannot become {language!r}"
            )
            raise ConfigurationError(msg)
        return Tenant(**by_name)

    async def remove(self, tenant_id: UUID) -> None:
        """Remove a tenant and every row of it."""
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            await connection.execute(TenantQueries.remove_tenant, tenant_id)


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class TenantCheck:
    """What the registry says of tenants that Redis does not know; those in neither set are registered.

    Attributes:
        unknown: Not registered.
        doubtful: The table could not be asked.
    """

    unknown: frozenset[UUID] = frozenset()
    doubtful: frozenset[UUID] = frozenset()


class TenantRegistry:
    """The copy in Redis, filled from the table where it is absent."""

    def __init__(self, redis: Redis, table: TenantTable) -> None:
        self._redis = redis
        self._table = table
        self._refused: dict[UUID, float] = {}  # unknown tenants, until when that is not asked again

    async def fill(self) -> None:
        """Write the table's tenants and the mark into Redis.

        Read again afterwards: a tenant that was removed in between would otherwise come back for good. One that is
        removed after that is taken out by whoever removes it, since `remove` comes after the table.
        """
        written = await self._table.ids()
        with redis_wrapped():
            await self._redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, *map(str, written))
        if gone := written - await self._table.ids():
            with redis_wrapped():
                await self._redis.srem(keys.TENANTS, *map(str, gone))

    async def fill_if_absent(self) -> None:
        """Fill the registry after Redis has lost it."""
        with redis_wrapped():
            filled = await self._redis.sismember(keys.TENANTS, keys.REGISTRY_MARK)
        if not filled:
            await self.fill()

    async def check(self, tenants: set[UUID]) -> TenantCheck:
        """Tell which tenants are not registered.

        A tenant that Redis does not know is looked up in the table before it is called unknown: no event is refused
        because the copy was lost. While the table is away such a tenant is doubtful, and nobody else waits for it.

        Raises:
            RedisUnavailable: If Redis failed.
        """
        asked = list(tenants)
        with redis_wrapped():
            known = await self._redis.smismember(keys.TENANTS, [str(tenant) for tenant in asked]) if asked else []
        missing = {tenant for tenant, is_known in zip(asked, known, strict=True) if not is_known}
        now = time.monotonic()
        refused = {tenant for tenant in missing if self._refused.get(tenant, 0.0) > now}
        if missing == refused:
            return TenantCheck(unknown=frozenset(refused))
        try:
            registered = missing & await self._table.ids()
            if registered:
                await self.fill()
        except StoreUnavailable:
            return TenantCheck(unknown=frozenset(refused), doubtful=frozenset(missing - refused))
        unknown = missing - registered
        self._refused = dict.fromkeys(list(unknown)[:_REFUSED_TENANTS], now + _REFUSED_SECONDS)
        return TenantCheck(unknown=frozenset(unknown))

    async def add(self, tenant_id: UUID) -> None:
        """Let events of a tenant in."""
        await self.fill_if_absent()
        with redis_wrapped():
            await self._redis.sadd(keys.TENANTS, str(tenant_id))

    async def remove(self, tenant_id: UUID) -> int:
        """Refuse further events of a tenant and delete its keys; return how many there were."""
        deleted = 0
        with redis_wrapped():
            await self._redis.srem(keys.TENANTS, str(tenant_id))
            scanned = cast(
                "AsyncIterator[bytes]", self._redis.scan_iter(match=keys.of_tenant(tenant_id), count=_SCAN_COUNT)
            )
            async for key in scanned:
                deleted += await self._redis.unlink(key)
        return deleted
