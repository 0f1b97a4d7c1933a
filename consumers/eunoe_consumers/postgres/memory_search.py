"""Which memories apply to a scope and pass a filter: page by page, or the nearest first."""

import json
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection

_CANDIDATES = 5
# Compared with one another: a million cosines, some ten milliseconds.
_OLDEST = 1_000


class MemorySearchQueries(QueryFile, file="memory_search"):
    """The statements of memory_search.sql."""

    list_memories: str
    nearest_memories: str
    nearest_filtered_memories: str
    oldest_memories: str
    near_duplicates: str


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


@dataclass(frozen=True)
class Placed:
    """A memory whose near duplicates are looked for.

    Attributes:
        id: Its id.
        tier: Among those of which tier.
        vector: Shape (dimensions,) float32.
    """

    id: UUID
    tier: Tier
    vector: NDArray[np.float32]


class MemorySearchTable:
    """Ids of memories that have not lapsed; `MemoryTable.read` gives the rest."""

    def __init__(self, connection: "Connection", lifetime: Lifetime) -> None:
        self._connection = connection
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
            MemorySearchQueries.list_memories,
            *self._arguments(scope, filter_),
            *_row_arguments(filter_),
            *(after or (None, None)),
            limit,
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
        asked = (HalfVector(vector), min_cosine, limit)
        arguments = self._arguments(scope, filter_)
        if filter_.metadata or filter_.session:
            rows = await self._connection.fetch(
                MemorySearchQueries.nearest_filtered_memories, *arguments, *_row_arguments(filter_), *asked
            )
        else:
            rows = await self._connection.fetch(MemorySearchQueries.nearest_memories, *arguments, *asked)
        return [(row["id"], row["distance"]) for row in rows]

    async def near_duplicates(
        self, owner: MemoryScope, memories: Sequence[Placed], *, min_cosine: float
    ) -> dict[tuple[UUID, Tier], dict[UUID, float]]:
        """Return the owner's other active memories that say nearly the same as each of some, in its tier.

        Returns:
            By a memory's id and tier, where there are any, ids with their cosines, the nearest first.
        """
        names = (owner.tenant_id, owner.agent_id, owner.user_id)
        rows = await self._connection.fetchmany(
            MemorySearchQueries.near_duplicates,
            [
                (*names, memory.tier, HalfVector(memory.vector), memory.id, min_cosine, _CANDIDATES, *self._lifetime)
                for memory in memories
            ],
        )
        found: defaultdict[tuple[UUID, Tier], dict[UUID, float]] = defaultdict(dict)
        for row in rows:
            found[row["of_id"], Tier(row["of_tier"])][row["id"]] = row["cosine"]
        return found

    async def oldest(self, scope: MemoryScope, *, older_than_days: int, tiers: Sequence[Tier]) -> list[OldMemory]:
        """Return the oldest active memories that apply to a scope, the oldest first, 1,000 at most.

        Args:
            scope: Whose.
            older_than_days: How old at least.
            tiers: Any of these; every tier where there is none.
        """
        rows = await self._connection.fetch(
            MemorySearchQueries.oldest_memories,
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

    def _arguments(self, scope: MemoryScope, filter_: MemoryFilter) -> tuple[object, ...]:
        """Return the first 16 arguments of the statements that filter."""
        return (
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
            list(filter_.tiers),
            list(filter_.categories),
            list(filter_.statuses),
            list(filter_.sources),
            list(filter_.tags),
            filter_.collection_id,
            filter_.created_from,
            filter_.created_until,
            filter_.updated_from,
            filter_.updated_until,
            filter_.forgotten,
            *self._lifetime,
        )


def _row_arguments(filter_: MemoryFilter) -> tuple[object, ...]:
    """Return the next four of those that look at the rows."""
    session = filter_.session
    return (
        json.dumps(filter_.metadata),
        session.agent_id if session else None,
        session.user_id if session else None,
        session.session_id if session else None,
    )
