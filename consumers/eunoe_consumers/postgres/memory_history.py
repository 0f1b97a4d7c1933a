"""What a memory has said before, within a curator's transaction."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.history import MemoryVersion
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection

_REPLACED = 200


class HistoryQueries(QueryFile, file="memory_history"):
    """The statements of memory_history.sql."""

    read_versions: str
    read_replaced: str


class HistoryTable:
    """The table `memory_versions`, and the pointers from what was replaced."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def versions(
        self, tenant_id: UUID, memory_id: UUID, *, before: int | None, limit: int
    ) -> tuple[MemoryVersion, ...]:
        """Return the contents of a memory that was read, the newest first."""
        rows = await self._connection.fetch(HistoryQueries.read_versions, tenant_id, memory_id, before, limit)
        return tuple(
            MemoryVersion.model_validate({**dict(row), "metadata": json.loads(row["metadata"])}) for row in rows
        )

    async def replaced(self, scope: MemoryScope, memory_id: UUID) -> Sequence[UUID]:
        """Return the memories that a memory replaced, the latest first."""
        rows = await self._connection.fetch(
            HistoryQueries.read_replaced, scope.tenant_id, scope.agent_id, scope.user_id, memory_id, _REPLACED
        )
        return [row["id"] for row in rows]
