"""The removed registrations of tenants: what is removed stays removed, although the id is registered again."""

from collections.abc import Collection, Sequence
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Subject


class RemovedTenants:
    """The last entry of each removed registration, as Redis knows it.

    It is kept beside the streams, so that it disappears with their entries. Otherwise it would hide new entries with
    smaller ids, after Redis lost its data and came back with another clock.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def last_entries(self, tenants: Collection[UUID], subject: Subject) -> dict[UUID, EntryOrder]:
        """Return the last entry of each tenant's removed registration. Tenants that were never removed are left out.

        Raises:
            RedisNotReady: If Redis failed.
        """
        asked = list(tenants)
        if not asked:
            return {}
        with redis_wrapped():
            found = await self._redis.hmget(keys.REMOVED_TENANTS, removed_fields(asked, subject))
        return parse_last_entries(asked, cast("list[bytes | None]", found))


def removed_field(tenant_id: UUID, subject: Subject) -> str:
    """Return the field of a tenant's entries on one stream, in the hash of removed registrations."""
    return f"{tenant_id}:{subject}"


def removed_fields(tenants: Sequence[UUID], subject: Subject) -> list[str]:
    """Return the field of each tenant in the hash of removed registrations."""
    return [removed_field(tenant, subject) for tenant in tenants]


def parse_last_entries(tenants: Sequence[UUID], found: Sequence[bytes | None]) -> dict[UUID, EntryOrder]:
    """Return the last entries by tenant, from the values of the fields. Tenants without a value are left out."""
    return {
        tenant: EntryOrder.parse(entry_id.decode())
        for tenant, entry_id in zip(tenants, found, strict=True)
        if entry_id is not None
    }
