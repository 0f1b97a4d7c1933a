"""The registry of tenants: a set in Redis that every publish and every group checks. The table of tenants fills it."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast
from uuid import UUID

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import RedisNotReady, redis_wrapped
from eunoe_consumers.delivery.removed_tenants import RemovedTenants, parse_last_entries, removed_field, removed_fields
from eunoe_consumers.errors import TransientError
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.lua import register_lua
from eunoe_schema.streams import Subject, stream

_PACKAGE = "eunoe_consumers.delivery"
_TENANTS_PER_CALL = 1_000  # Lua's unpack takes at most 8,000 values
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

    async def removed(self) -> Mapping[UUID, Mapping[str, str]]:
        """Return the last entry id on each stream, by subject, of every tenant that was removed once.

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
        removed: The last entry of each tenant that was removed. The tenant may be registered again; entries up to this
            one belong to the removed registration.
    """

    unknown: frozenset[UUID] = frozenset()
    doubtful: frozenset[UUID] = frozenset()
    removed: Mapping[UUID, EntryOrder] = field(default_factory=dict[UUID, EntryOrder])


class TenantRegistry:
    """The registry in Redis. It fills itself from the table when Redis has lost it."""

    def __init__(self, redis: Redis, source: TenantSource) -> None:
        self._redis = redis
        self._source = source
        self._removed = RemovedTenants(redis)
        self._register = register_lua(redis, _PACKAGE, "register_tenants")
        self._unregister = register_lua(redis, _PACKAGE, "unregister_tenant")
        self._refused: dict[UUID, float] = {}  # unknown tenants, and until when the table is not read again for them

    async def fill(self) -> None:
        """Copy the tenants of the table to Redis, with the mark that says that the registry is filled.

        The table is read twice. Otherwise a tenant that is removed between the two steps would stay registered for
        ever. A tenant that is removed later is removed from Redis after the table (see `remove`).
        """
        written = await self._source.ids()
        removals = await self._source.removed()
        members = [keys.REGISTRY_MARK, *map(str, written)]
        for start in range(0, len(members), _TENANTS_PER_CALL):
            # With a part of the tenants goes the end of their removed registrations, so that no entry is in between.
            part = members[start : start + _TENANTS_PER_CALL]
            added = set(part)
            await self._add(part, {tenant: ends for tenant, ends in removals.items() if str(tenant) in added})
        if removed := written - await self._source.ids():
            with redis_wrapped():
                await self._redis.srem(keys.TENANTS, *map(str, removed))

    async def fill_if_absent(self) -> None:
        """Fill the registry if Redis has lost it."""
        with redis_wrapped():
            filled = await self._redis.sismember(keys.TENANTS, keys.REGISTRY_MARK)
        if not filled:
            await self.fill()

    async def check(self, tenants: set[UUID], subject: Subject) -> TenantCheck:
        """Return which tenants are not registered, and which were removed once.

        A tenant that Redis does not hold is looked up in the table first, so that no event is refused because Redis
        has lost the registry. While the table cannot be read, such a tenant is doubtful; other tenants do not wait.

        Raises:
            RedisNotReady: If Redis failed.
        """
        if not tenants:
            return TenantCheck()
        asked = list(tenants)
        with redis_wrapped():
            async with self._redis.pipeline(transaction=False) as pipeline:
                # In this order: of a tenant that is removed and registered again meanwhile, the end is read, too.
                pipeline.smismember(keys.TENANTS, [str(tenant) for tenant in asked])
                pipeline.hmget(keys.REMOVED_TENANTS, removed_fields(asked, subject))
                known, found = cast("tuple[list[int], list[bytes | None]]", await pipeline.execute())
        removed = parse_last_entries(asked, found)
        missing = {tenant for tenant, is_known in zip(asked, known, strict=True) if not is_known}
        now = time.monotonic()
        refused = {tenant for tenant in missing if self._refused.get(tenant, 0.0) > now}
        if missing == refused:
            return TenantCheck(unknown=frozenset(refused), removed=removed)
        try:
            registered = missing & await self._source.ids()
            if registered:
                await self.fill()
                removed |= await self._removed.last_entries(registered, subject)
        except RedisNotReady:
            raise
        except TransientError:  # the table cannot be read
            return TenantCheck(frozenset(refused), doubtful=frozenset(missing - refused), removed=removed)
        unknown = missing - registered
        self._refused = dict.fromkeys(list(unknown)[:_REFUSED_TENANTS], now + _REFUSED_SECONDS)
        return TenantCheck(unknown=frozenset(unknown), removed=removed)

    async def add(self, tenant_id: UUID) -> None:
        """Register a tenant that the table holds."""
        await self.fill_if_absent()
        removals = await self._source.removed()
        await self._add([str(tenant_id)], {tenant_id: removals[tenant_id]} if tenant_id in removals else {})

    async def _add(self, members: Sequence[str], removals: Mapping[UUID, Mapping[str, str]]) -> None:
        ends = [
            (stream(Subject(subject)), str(tenant), removed_field(tenant, Subject(subject)), entry_id)
            for tenant, by_subject in removals.items()
            for subject, entry_id in by_subject.items()
        ]
        with redis_wrapped():
            await self._register(
                [keys.TENANTS, keys.REMOVED_TENANTS, *(name for name, *_ in ends)],
                [len(members), *members, *(argument for _, *arguments in ends for argument in arguments)],
            )

    async def last_entry_ids(self) -> dict[str, str]:
        """Return the id of the last entry of each stream, by subject. A stream that is absent is left out."""
        ids: dict[str, str] = {}
        with redis_wrapped():
            for subject in Subject:
                if await self._redis.exists(stream(subject)):
                    info = await self._redis.xinfo_stream(stream(subject))
                    ids[subject] = cast("bytes", info["last-generated-id"]).decode()
        return ids

    async def remove(self, tenant_id: UUID) -> int:
        """Unregister a tenant and delete its keys; return how many keys there were. The table comes first."""
        deleted = 0
        with redis_wrapped():
            await self._unregister(
                [keys.TENANTS, keys.REMOVED_TENANTS, *map(stream, Subject)],
                [str(tenant_id), *(removed_field(tenant_id, subject) for subject in Subject)],
            )
            scanned = cast(
                "AsyncIterator[bytes]", self._redis.scan_iter(match=keys.of_tenant(tenant_id), count=_SCAN_COUNT)
            )
            async for key in scanned:
                deleted += await self._redis.unlink(key)
        return deleted
