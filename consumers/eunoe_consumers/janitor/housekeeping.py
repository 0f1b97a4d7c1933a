"""Archive, merge and purge the memories of one tenant, one bounded batch per transaction."""

import contextlib
from collections.abc import AsyncGenerator
from uuid import UUID

from eunoe_consumers.errors import TransientError
from eunoe_consumers.janitor.wording import says_the_same
from eunoe_consumers.memories import table
from eunoe_consumers.memories.table import CONFIRMATION_SHARE, MemoryQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.memory_connection import Lifetime, MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.content import MAX_TAGS
from eunoe_schema.memory.enums import Status

# Compared with one memory. Those that say the same are the nearest, except among many that differ in a number only.
_NEAR_DUPLICATES = 20


class HousekeepingQueries(QueryFile, file="housekeeping"):
    """The janitor's statements."""

    archive_expired: Statement
    purge_ended: Statement
    drop_quoting_replies: Statement
    drop_old_replies: Statement
    uncompared_memories: Statement
    near_duplicates_to_merge: Statement
    lock_duplicate: Statement
    absorb_memory: Statement
    copy_tags: Statement
    mark_compared: Statement
    lock_janitors: Statement


class AnotherJanitor(TransientError):
    """Another janitor is at work in this database."""

    def __init__(self) -> None:
        super().__init__("another janitor is at work")


class Housekeeping:
    """Changes memories under the lock of all janitors.

    Each transaction holds the lock until its end: one janitor works at a time, and a dead one frees the lock. Behind
    pgbouncer, a lock of the session would outlive the transaction. Every method raises AnotherJanitor if the lock is
    taken, and StoreUnavailable if PostgreSQL failed.
    """

    def __init__(self, database: Database, lifetime: Lifetime) -> None:
        self._database = database
        self._lifetime = lifetime

    async def archive_expired(self, tenant_id: UUID, *, limit: int) -> int:
        """Archive expired memories; return how many."""
        async with self._begin(tenant_id) as db:
            return await db.execute(HousekeepingQueries.archive_expired, limit=limit)

    async def drop_replies(self, tenant_id: UUID, *, older_than_days: int, limit: int) -> int:
        """Drop old kept replies; return how many."""
        async with self._begin(tenant_id) as db:
            return await db.execute(HousekeepingQueries.drop_old_replies, older_than_days=older_than_days, limit=limit)

    async def purge(self, tenant_id: UUID, *, after_days: int, limit: int) -> int:
        """Delete memories that ended `after_days` ago, and the kept replies that quote them; return how many."""
        async with self._begin(tenant_id) as db:
            rows = await db.fetch(HousekeepingQueries.purge_ended, after_days=after_days, limit=limit)
            if rows:
                await db.execute(HousekeepingQueries.drop_quoting_replies, memory_ids=[row["id"] for row in rows])
            return len(rows)

    async def merge_near_duplicates(self, tenant_id: UUID, *, min_cosine: float, limit: int) -> tuple[int, int]:
        """Merge memories that say the same with their nearest near duplicates of the same owner, tier and category.

        Returns:
            How many were compared, and how many were merged.
        """
        async with self._begin(tenant_id) as db:
            rows = await db.fetch(HousekeepingQueries.uncompared_memories, limit=limit)
            merged = [await _merge(db, row["id"], row["content"], min_cosine) for row in rows]
            await db.execute(HousekeepingQueries.mark_compared, ids=[row["id"] for row in rows])
            return len(rows), sum(merged)

    @contextlib.asynccontextmanager
    async def _begin(self, tenant_id: UUID) -> AsyncGenerator[MemoryConnection]:
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant_id) as connection:
            db = MemoryConnection(connection, tenant_id, self._lifetime)
            if not await db.fetchval(HousekeepingQueries.lock_janitors):
                raise AnotherJanitor
            yield db


async def _merge(db: MemoryConnection, memory_id: UUID, content: str, min_cosine: float) -> bool:
    """Merge a memory with its nearest near duplicate that says the same; return whether there is one."""
    near = await db.fetch(
        HousekeepingQueries.near_duplicates_to_merge,
        id=memory_id,
        min_cosine=min_cosine,
        max_tags=MAX_TAGS,
        limit=_NEAR_DUPLICATES,
    )
    duplicate = next((row for row in near if says_the_same(row["content"], content)), None)
    if duplicate is None or not await db.fetchval(
        HousekeepingQueries.lock_duplicate, id=duplicate["id"], content=duplicate["content"]
    ):
        return False
    kept, absorbed = (duplicate["id"], memory_id) if duplicate["stays"] else (memory_id, duplicate["id"])
    await table.set_status(db, [absorbed], Status.MERGED, forgotten=False)
    await db.execute(MemoryQueries.set_successor, ids=[absorbed], successor=kept)
    await db.execute(
        HousekeepingQueries.absorb_memory, id=kept, absorbed_id=absorbed, confirmation_share=CONFIRMATION_SHARE
    )
    await db.execute(HousekeepingQueries.copy_tags, id=kept, absorbed_id=absorbed)
    return True
