"""The contents that memories have had, within a curator's transaction; a trigger writes them."""

import json
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.store.queries import Queries
from eunoe_schema.memory.versions import MemoryVersion

if TYPE_CHECKING:
    from eunoe_consumers.store.database import Connection


class VersionTable:
    """The table `memory_versions`, for memories that are known to apply."""

    def __init__(self, connection: "Connection", queries: Queries) -> None:
        self._connection = connection
        self._queries = queries

    async def read(self, tenant_id: UUID, memory_id: UUID, *, limit: int, before: int | None) -> list[MemoryVersion]:
        """Return the contents of a memory, the present one first.

        Args:
            tenant_id: The tenant.
            memory_id: The memory.
            limit: How many at most.
            before: The last version of the page before.
        """
        rows = await self._connection.fetch(self._queries.read_versions, tenant_id, memory_id, before, limit)
        return [MemoryVersion.model_validate({**dict(row), "metadata": json.loads(row["metadata"])}) for row in rows]
