"""The registry of tenants: a set in Redis that every publish and every group checks. The table of tenants fills it."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, cast
from uuid import UUID

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import RedisNotReady, redis_wrapped
from eunoe_consumers.errors import TransientError
from eunoe_schema import keys

_SCAN_COUNT = 1_000
# A flood of events of an unknown tenant must not read the whole table for each batch. A tenant that is added is in
# Redis at once, so remembering a refusal delays nobody.
_REFUSED_SECONDS = 2.0
_REFUSED_TENANTS = 10_000


class TenantSource(Protocol):
    """The durable table of tenants."""

    async def ids(self) -> set[UUID]:
        """Return the ids of all tenants.

        Raises:
            TransientError: If the table cannot be read.
        """
        ...


@dataclass(frozen=True)
class TenantCheck:
    """The tenants that are not in Redis. A tenant in neither set is registered.

    Attributes:
        unknown: Tenants that are not registered.
        doubtful: Tenants that may be registered, because the table cannot be read.
    """

    unknown: frozenset[UUID] = frozenset()
    doubtful: frozenset[UUID] = frozenset()


class TenantRegistry:
    """The registry in Redis. It fills itself from the table when Redis has lost it."""

    def __init__(self, redis: Redis, source: TenantSource) -> None:
        self._redis = redis
        self._source = source
        self._refused: dict[UUID, float] = {}  # unknown tenants, and until when the table is not read again for them

    async def fill(self) -> None:
        """Copy the tenants of the table to Redis, with the mark that says that the registry is filled.

        The table is read twice. Otherwise a tenant that is removed between the two steps would stay registered for
        ever. A tenant that is removed later is removed from Redis after the table (see `remove`).
        """
        written = await self._source.ids()
        with redis_wrapped():
            await self._redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, *map(str, written))
        if removed := written - await self._source.ids():
            with redis_wrapped():
                await self._redis.srem(keys.TENANTS, *map(str, removed))

    async def fill_if_absent(self) -> None:
        """Fill the registry if Redis has lost it."""
        with redis_wrapped():
            filled = await self._redis.sismember(keys.TENANTS, keys.REGISTRY_MARK)
        if not filled:
            await self.fill()

    async def check(self, tenants: set[UUID]) -> TenantCheck:
        """Return which tenants are not registered.

        A tenant that Redis does not hold is looked up in the table first, so that no event is refused because Redis
        has lost the registry. While the table cannot be read, such a tenant is doubtful; other tenants do not wait.

        Raises:
            RedisNotReady: If Redis failed.
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
            registered = missing & await self._source.ids()
            if registered:
                await self.fill()
        except RedisNotReady:
            raise
        except TransientError:  # the table cannot be read
            return TenantCheck(unknown=frozenset(refused), doubtful=frozenset(missing - refused))
        unknown = missing - registered
        self._refused = dict.fromkeys(list(unknown)[:_REFUSED_TENANTS], now + _REFUSED_SECONDS)
        return TenantCheck(unknown=frozenset(unknown))

    async def add(self, tenant_id: UUID) -> None:
        """Register a tenant that the table holds."""
        await self.fill_if_absent()
        with redis_wrapped():
            await self._redis.sadd(keys.TENANTS, str(tenant_id))

    async def remove(self, tenant_id: UUID) -> int:
        """Unregister a tenant and delete its keys; return how many keys there were. The table comes first."""
        deleted = 0
        with redis_wrapped():
            await self._redis.srem(keys.TENANTS, str(tenant_id))
            scanned = cast(
                "AsyncIterator[bytes]", self._redis.scan_iter(match=keys.of_tenant(tenant_id), count=_SCAN_COUNT)
            )
            async for key in scanned:
                deleted += await self._redis.unlink(key)
        return deleted
