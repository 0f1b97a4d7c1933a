"""The tags of memories, within a curator's transaction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.queries import QueryFile

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class TagQueries(QueryFile, file="memory_tags"):
    """The statements of memory_tags.sql."""

    add_tags: str
    remove_tags: str
    count_tags: str
    touch_memory: str


class TagTable:
    """The table `memory_tags`, for memories that are locked."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def add(self, tenant_id: UUID, memory_id: UUID, tags: Sequence[str]) -> int:
        """Give a memory tags; return how many it has now."""
        await self._connection.execute(TagQueries.add_tags, tenant_id, memory_id, tags)
        return await self._connection.fetchval(TagQueries.count_tags, tenant_id, memory_id)

    async def remove(self, tenant_id: UUID, memory_id: UUID, tags: Sequence[str]) -> None:
        """Take tags off a memory."""
        await self._connection.execute(TagQueries.remove_tags, tenant_id, memory_id, tags)

    async def touch(self, tenant_id: UUID, memory_id: UUID) -> None:
        """Note when a memory's tags changed; its version stays."""
        await self._connection.execute(TagQueries.touch_memory, tenant_id, memory_id)
