"""Read the directives and the memories that apply to a conversation, for its context."""

import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.memory_connection import Lifetime, MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.memory import RecalledMemory
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.scope import Scope


class MemoryRecallQueries(QueryFile, file="memory_recall"):
    """Statements of a recall. Curated memory reads directives with the same statement."""

    read_directives: Statement
    any_memory: Statement
    recall_memories: Statement


async def read_directives(db: MemoryConnection, directive_id: UUID | None = None) -> tuple[Directive, ...]:
    """Return the directives that apply to a scope, in their order; only one of them if it is named."""
    rows = await db.fetch(MemoryRecallQueries.read_directives, directive_id=directive_id)
    return tuple(Directive.model_validate(dict(row)) for row in rows)


class MemoryReader:
    """Reads directives and memories with the database role of recall."""

    def __init__(self, database: Database, lifetime: Lifetime) -> None:
        self._database = database
        self._lifetime = lifetime

    async def read_directives(self, scope: Scope, tiers: Sequence[Tier]) -> tuple[tuple[Directive, ...], bool]:
        """Return the directives that apply, in their order, and whether any memory of these tiers applies.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._transaction(scope) as db:
            directives = await read_directives(db)
            return directives, bool(tiers) and await db.fetchval(MemoryRecallQueries.any_memory, tiers=list(tiers))

    async def nearest(
        self, scope: Scope, tiers: Sequence[Tier], vector: NDArray[np.float32] | None, *, limit: int
    ) -> tuple[RecalledMemory, ...]:
        """Return the memories that apply, tier by tier, the nearest first; exact.

        Args:
            scope: The conversation.
            tiers: The wanted tiers, in their order.
            vector: Shape (dimensions,) float32; None for the newest first.
            limit: How many of each tier at most.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._transaction(scope) as db:
            rows = await db.fetch(
                MemoryRecallQueries.recall_memories,
                tiers=list(tiers),
                vector=None if vector is None else HalfVector(vector),
                limit=limit,
            )
        return tuple(
            RecalledMemory.model_validate({**dict(row), "metadata": json.loads(row["metadata"])}) for row in rows
        )

    @contextlib.asynccontextmanager
    async def _transaction(self, scope: Scope) -> AsyncGenerator[MemoryConnection]:
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            yield MemoryConnection(connection, scope.tenant_id, self._lifetime, MemoryScope.of(scope))
