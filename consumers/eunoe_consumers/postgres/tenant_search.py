"""An administrator's search: the one place that looks at memories without a scope, within a tenant all the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.memory_rows import memory_of
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.memory import Memory

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class TenantSearchQueries(QueryFile, file="tenant_search"):
    """The statements of tenant_search.sql."""

    find_words: str
    widen_index_search: str
    nearest_of_tenant: str
    read_tenant_memories: str


class TenantSearch:
    """Memories of every agent and user of a tenant, those that have lapsed too."""

    def __init__(self, connection: "Connection", lifetime: Lifetime) -> None:
        self._connection = connection
        self._lifetime = lifetime

    async def containing(
        self,
        tenant_id: UUID,
        statuses: Sequence[Status],
        words: Sequence[str],
        *,
        forgotten: bool,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> list[tuple[UUID, datetime]]:
        """Return ids with the times of their making of memories that hold each word in any case, the newest first.

        Args:
            tenant_id: The tenant.
            statuses: Any of these; every status where there is none.
            words: What stands somewhere in the content.
            forgotten: Those that were forgotten, instead of the others.
            limit: How many at most.
            after: The last of the page before.
        """
        patterns = [f"%{_escaped(word)}%" for word in words]
        rows = await self._connection.fetch(
            TenantSearchQueries.find_words, tenant_id, statuses, forgotten, patterns, *(after or (None, None)), limit
        )
        return [(row["id"], row["created_at"]) for row in rows]

    async def nearest(
        self,
        tenant_id: UUID,
        statuses: Sequence[Status],
        vector: NDArray[np.float32],
        *,
        forgotten: bool,
        limit: int,
    ) -> list[tuple[UUID, float]]:
        """Return ids with their cosine distances, the nearest first; approximate where the index serves it.

        Args:
            tenant_id: The tenant.
            statuses: Any of these; every status where there is none.
            vector: Shape (dimensions,) float32.
            forgotten: Those that were forgotten, instead of the others.
            limit: How many at most.
        """
        await self._connection.execute(TenantSearchQueries.widen_index_search)
        rows = await self._connection.fetch(
            TenantSearchQueries.nearest_of_tenant, tenant_id, statuses, forgotten, HalfVector(vector), limit
        )
        return [(row["id"], row["distance"]) for row in rows]

    async def read(self, tenant_id: UUID, memory_ids: Sequence[UUID]) -> list[Memory]:
        """Return memories of a tenant, in the order of the ids."""
        rows = await self._connection.fetch(
            TenantSearchQueries.read_tenant_memories, tenant_id, memory_ids, *self._lifetime
        )
        return [memory_of(row) for row in rows]


def _escaped(word: str) -> str:
    """Return a word without the meaning that LIKE gives to some characters."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
