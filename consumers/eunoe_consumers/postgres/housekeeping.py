"""What a janitor does to one tenant's memories, each call one bounded batch in a transaction of its own."""

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.errors import TransientError
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.memories import CONFIRMATION_SHARE, MemoryQueries
from eunoe_consumers.postgres.memory_life import LifeQueries
from eunoe_schema.memory.content import MAX_TAGS
from eunoe_schema.memory.enums import Status

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class AnotherJanitor(TransientError):
    """Another janitor is at work in this database."""

    def __init__(self) -> None:
        super().__init__("another janitor is at work")


class Housekeeping:
    """Begins the janitor's transactions.

    Each takes the janitors' lock until its end, so that one works at a time and a dead one holds nobody up; a lock of a
    session would outlive a transaction behind pgbouncer. All of them raise AnotherJanitor where the lock is taken, and
    StoreUnavailable where PostgreSQL failed.
    """

    def __init__(self, database: Database, lifetime: Lifetime) -> None:
        self._database = database
        self._lifetime = lifetime

    async def archive_lapsed(self, tenant_id: UUID, *, limit: int) -> int:
        """Archive memories that have lapsed; return how many."""
        async with self._alone(tenant_id) as connection:
            return _count(await connection.execute(LifeQueries.archive_lapsed, tenant_id, *self._lifetime, limit))

    async def drop_replies(self, tenant_id: UUID, *, older_than_days: int, limit: int) -> int:
        """Drop replies that were kept long enough; return how many."""
        async with self._alone(tenant_id) as connection:
            return _count(await connection.execute(LifeQueries.drop_old_replies, tenant_id, older_than_days, limit))

    async def purge(self, tenant_id: UUID, *, after_days: int, limit: int) -> int:
        """Delete memories that ended so many days ago, and the kept replies that quote them; return how many."""
        async with self._alone(tenant_id) as connection:
            rows = await connection.fetch(LifeQueries.purge_ended, tenant_id, after_days, *self._lifetime, limit)
            if rows:
                await connection.execute(LifeQueries.drop_quoting_replies, tenant_id, [row["id"] for row in rows])
            return len(rows)

    async def merge_near_duplicates(self, tenant_id: UUID, *, min_cosine: float, limit: int) -> tuple[int, int]:
        """Compare memories with their owner's others of the tier, and merge each into its nearest that is near enough.

        Returns:
            How many were compared, and how many were merged.
        """
        async with self._alone(tenant_id) as connection:
            rows = await connection.fetch(LifeQueries.uncompared_memories, tenant_id, *self._lifetime, limit)
            compared = [row["id"] for row in rows]
            merged = [await self._merge(connection, tenant_id, memory_id, min_cosine) for memory_id in compared]
            await connection.execute(LifeQueries.mark_compared, tenant_id, compared)
            return len(compared), sum(merged)

    async def _merge(self, connection: "Connection", tenant_id: UUID, memory_id: UUID, min_cosine: float) -> bool:
        twin = await connection.fetchrow(LifeQueries.nearest_twin, tenant_id, memory_id, min_cosine, *self._lifetime)
        if twin is None:
            return False
        kept, gone = (twin["id"], memory_id) if twin["stays"] else (memory_id, twin["id"])
        await connection.execute(MemoryQueries.set_memory_status, tenant_id, [gone], Status.MERGED, False)  # noqa: FBT003 - an argument of SQL
        await connection.execute(MemoryQueries.point_to_successor, tenant_id, [gone], kept)
        await connection.execute(LifeQueries.absorb_memory, tenant_id, kept, gone, CONFIRMATION_SHARE, *self._lifetime)
        await connection.execute(LifeQueries.copy_tags, tenant_id, kept, gone, MAX_TAGS)
        return True

    @contextlib.asynccontextmanager
    async def _alone(self, tenant_id: UUID) -> AsyncGenerator["Connection"]:
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant_id) as connection:
            if not await connection.fetchval(LifeQueries.try_alone):
                raise AnotherJanitor
            yield connection


def _count(tag: str) -> int:
    """Return the rows of a command tag such as `DELETE 7`."""
    return int(tag.rsplit(" ", 1)[1])
