"""Which memories apply to a scope and pass a filter: page by page, or the nearest first."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.store.lifetime import Lifetime
from eunoe_consumers.store.queries import Queries
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.store.database import Connection

_CANDIDATES = 5
# Compared with one another: a million cosines, some ten milliseconds.
_OLDEST = 1_000


@dataclass(frozen=True)
class OldMemory:
    """A memory that may be consolidated.

    Attributes:
        id: Its id.
        kind: Its owner and tier: only what is of one kind can be merged.
        vector: Shape (dimensions,) float32.
    """

    id: UUID
    kind: Hashable
    vector: NDArray[np.float32]


class MemorySearch:
    """Ids of memories that have not lapsed; `MemoryTable.read` gives the rest."""

    def __init__(self, connection: "Connection", queries: Queries, lifetime: Lifetime) -> None:
        self._connection = connection
        self._queries = queries
        self._lifetime = lifetime

    async def newest(
        self, scope: MemoryScope, filter_: MemoryFilter, *, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> list[tuple[UUID, datetime]]:
        """Return ids with the times of their making, the newest first.

        Args:
            scope: Whose.
            filter_: Which.
            limit: How many at most.
            after: The last of the page before.
        """
        rows = await self._connection.fetch(
            self._queries.list_memories,
            *_arguments(scope, filter_),
            *(after or (None, None)),
            limit,
            *self._lifetime,
        )
        return [(row["id"], row["created_at"]) for row in rows]

    async def nearest(
        self,
        scope: MemoryScope,
        filter_: MemoryFilter,
        vector: NDArray[np.float32],
        *,
        limit: int,
        min_cosine: float | None,
    ) -> list[tuple[UUID, float]]:
        """Return ids with their cosine distances, the nearest first; exact.

        Args:
            scope: Whose.
            filter_: Which.
            vector: Shape (dimensions,) float32.
            limit: How many at most.
            min_cosine: The least similarity, -1..1.
        """
        rows = await self._connection.fetch(
            self._queries.nearest_memories,
            *_arguments(scope, filter_),
            HalfVector(vector),
            min_cosine,
            limit,
            *self._lifetime,
        )
        return [(row["id"], row["distance"]) for row in rows]

    async def near_duplicates(
        self, owner: MemoryScope, tier: Tier, vector: NDArray[np.float32], *, other_than: UUID, min_cosine: float
    ) -> list[tuple[UUID, float]]:
        """Return ids of the owner's active memories that say nearly the same, with their cosines, the nearest first."""
        rows = await self._connection.fetch(
            self._queries.near_duplicates,
            owner.tenant_id,
            owner.agent_id,
            owner.user_id,
            tier,
            HalfVector(vector),
            other_than,
            min_cosine,
            _CANDIDATES,
            *self._lifetime,
        )
        return [(row["id"], row["cosine"]) for row in rows]

    async def oldest(self, scope: MemoryScope, *, older_than_days: int, tiers: Sequence[Tier]) -> list[OldMemory]:
        """Return the oldest active memories that apply to a scope, the oldest first, 1,000 at most.

        Args:
            scope: Whose.
            older_than_days: How old at least.
            tiers: Any of these; every tier where there is none.
        """
        rows = await self._connection.fetch(
            self._queries.oldest_memories,
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
            older_than_days,
            tiers,
            _OLDEST,
            *self._lifetime,
        )
        return [
            OldMemory(
                id=row["id"],
                kind=(row["agent_id"], row["user_id"], row["tier"]),
                vector=row["embedding"].to_numpy().astype(np.float32),
            )
            for row in rows
        ]


def _arguments(scope: MemoryScope, filter_: MemoryFilter) -> tuple[object, ...]:
    """Return the first 18 arguments of both queries."""
    session = filter_.session
    return (
        scope.tenant_id,
        scope.agent_id,
        scope.user_id,
        list(filter_.tiers),
        list(filter_.categories),
        list(filter_.statuses),
        list(filter_.sources),
        list(filter_.tags),
        json.dumps(filter_.metadata),
        filter_.collection_id,
        session.agent_id if session else None,
        session.user_id if session else None,
        session.session_id if session else None,
        filter_.created_from,
        filter_.created_until,
        filter_.updated_from,
        filter_.updated_until,
        filter_.forgotten,
    )
