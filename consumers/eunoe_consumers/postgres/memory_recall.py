"""What a recall adds to the turns: the directives and the memories that apply to a conversation."""

import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.directives import DirectiveTable
from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.memory import RecalledMemory
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.scope import Scope


class MemoryRecallQueries(QueryFile, file="memory_recall"):
    """The statements of memory_recall.sql."""

    any_memory: str
    recall_memories: str


class MemoryReader:
    """Reads for one conversation, under the policy of its tenant and with the scope in every predicate."""

    def __init__(self, database: Database, lifetime: Lifetime) -> None:
        self._database = database
        self._lifetime = lifetime

    async def standing(self, scope: Scope, tiers: Sequence[Tier]) -> tuple[tuple[Directive, ...], bool]:
        """Return the directives that apply, in their order, and whether any memory of these tiers does.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            directives = await DirectiveTable(connection).read(MemoryScope.of(scope))
            if not tiers:
                return directives, False
            arguments = (scope.tenant_id, scope.agent_id, scope.user_id, list(tiers))
            return directives, await connection.fetchval(MemoryRecallQueries.any_memory, *arguments)

    async def nearest(
        self, scope: Scope, tiers: Sequence[Tier], vector: NDArray[np.float32] | None, *, limit: int
    ) -> tuple[RecalledMemory, ...]:
        """Return the memories that apply, tier by tier, the nearest first; exact.

        Args:
            scope: Whose.
            tiers: Of which tiers, in their order.
            vector: Shape (dimensions,) float32; None for the newest first.
            limit: How many of each tier at most.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            rows = await connection.fetch(
                MemoryRecallQueries.recall_memories,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                list(tiers),
                None if vector is None else HalfVector(vector),
                limit,
                *self._lifetime,
            )
        return tuple(
            RecalledMemory.model_validate({**dict(row), "metadata": json.loads(row["metadata"])}) for row in rows
        )
