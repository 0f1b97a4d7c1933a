"""How memories are used, within a curator's transaction. None of it moves a version or `updated_at`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection

# A moving average: five scores in a row take a memory two thirds of the way, one alone decides nothing.
FEEDBACK_SHARE = 0.2


class UsageQueries(QueryFile, file="memory_usage"):
    """The statements of memory_usage.sql."""

    count_retrievals: str
    note_injections: str
    move_usefulness: str


class UsageTable:
    """The counters of `memories`; each call returns of how many memories it was noted."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def retrieved(self, scope: MemoryScope, memory_ids: Sequence[UUID]) -> int:
        """Count that memories were returned, each as often as it is named."""
        return await self._note(UsageQueries.count_retrievals, scope, memory_ids)

    async def injected(self, scope: MemoryScope, memory_ids: Sequence[UUID]) -> int:
        """Note when memories were put into a prompt."""
        return await self._note(UsageQueries.note_injections, scope, memory_ids)

    async def score(self, scope: MemoryScope, memory_id: UUID, score: float) -> int:
        """Move a memory's usefulness towards a score, 0..1."""
        return await self._note(UsageQueries.move_usefulness, scope, memory_id, score, FEEDBACK_SHARE)

    async def _note(self, statement: str, scope: MemoryScope, *arguments: object) -> int:
        names = (scope.tenant_id, scope.agent_id, scope.user_id)
        return int((await self._connection.execute(statement, *names, *arguments)).rsplit(" ", 1)[1])
