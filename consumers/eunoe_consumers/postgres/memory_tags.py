"""The tags of memories, within a curator's transaction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.queries import Queries

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class TagTable:
    """The table `memory_tags`, for memories that are locked."""

    def __init__(self, connection: "Connection", queries: Queries) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, tenant_id: UUID, memory_id: UUID, tags: Sequence[str]) -> int:
        """Give a memory tags; return how many it has now."""
        await self._connection.execute(self._queries.add_tags, tenant_id, memory_id, tags)
        return await self._connection.fetchval(self._queries.count_tags, tenant_id, memory_id)

    async def remove(self, tenant_id: UUID, memory_id: UUID, tags: Sequence[str]) -> None:
        """Take tags off a memory."""
        await self._connection.execute(self._queries.remove_tags, tenant_id, memory_id, tags)

    async def touch(self, tenant_id: UUID, memory_id: UUID) -> None:
        """Note when a memory's tags changed; its version stays."""
        await self._connection.execute(self._queries.touch_memory, tenant_id, memory_id)
