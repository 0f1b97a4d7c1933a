"""Approximate search within one giant scope, by the scope's own HNSW index."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.scope import Scope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection

_MAX_EF_SEARCH = 1_000  # pgvector's own bound


class GiantScopeQueries(QueryFile, file="giant_scopes"):
    """The statements of giant_scopes.sql."""

    is_giant: str
    search_approximately: str
    nearest_approximate: str
    search_exactly: str
    count_scopes: str
    count_turns: str
    list_giants: str
    add_giant: str
    remove_giant: str
    giant_indexes: str
    giant_index_statement: str
    drop_index_statement: str
    try_lock: str


@dataclass(frozen=True)
class NearTurn:
    """A turn near to a vector.

    Attributes:
        position: Its place on the stream, which no other turn of its scope has.
        distance: The cosine distance, 0..2.
    """

    position: int
    distance: float


class ApproximateSearch:
    """Searches a giant scope by its own HNSW index, within a transaction that recall has begun."""

    def __init__(self, *, ef_search: int) -> None:
        self._ef_search = ef_search

    async def serves(self, connection: "Connection", scope: Scope) -> bool:
        """Tell whether a scope is to be searched approximately: one row by its primary key."""
        found = await connection.fetchval(GiantScopeQueries.is_giant, scope.tenant_id, scope.agent_id, scope.user_id)
        return bool(found)

    async def nearest(
        self, connection: "Connection", scope: Scope, embedding: NDArray[np.float32], *, limit: int
    ) -> list[NearTurn]:
        """Return the turns nearest to a vector, the nearest first; about `limit` of them, a few of which may be wrong.

        The planner's settings are the transaction's own again afterwards. Where the index has just gone, the search is
        exact.

        Args:
            connection: In a transaction of the role recall and of the scope's tenant.
            scope: Whose turns.
            embedding: Shape (dimensions,) float32.
            limit: How many at most.
        """
        async with self._approximately(connection, limit):
            rows = await connection.fetch(
                GiantScopeQueries.nearest_approximate,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                HalfVector(embedding),
                limit,
            )
        return sorted((NearTurn(**row) for row in rows), key=lambda found: found.distance)

    @asynccontextmanager
    async def _approximately(self, connection: "Connection", limit: int) -> AsyncGenerator[None]:
        candidates = max(self._ef_search, min(limit, _MAX_EF_SEARCH))
        await connection.execute(GiantScopeQueries.search_approximately, candidates)
        yield  # not undone after an error: the transaction has failed then, and its settings end with it
        await connection.execute(GiantScopeQueries.search_exactly)
