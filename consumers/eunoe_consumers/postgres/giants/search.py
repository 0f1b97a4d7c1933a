"""Search a giant scope approximately, with the scope's own HNSW index."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.scope import Scope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection

_MAX_EF_SEARCH = 1_000  # pgvector's limit


class GiantScopeQueries(QueryFile, file="giant_scopes"):
    """The statements of giant_scopes.sql."""

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


class NearTurn(NamedTuple):
    """A turn near a vector.

    Attributes:
        position: The turn's position, unique in its scope.
        distance: The cosine distance, 0..2.
    """

    position: int
    distance: float


async def nearest_approximately(
    connection: "Connection", scope: Scope, embedding: NDArray[np.float32], *, limit: int, ef_search: int
) -> Sequence[NearTurn]:
    """Return about `limit` turns near a vector, the nearest first. A few of them may be wrong.

    The search is exact if the index was dropped meanwhile. The planner's settings of the transaction are restored.

    Args:
        connection: In a transaction of the database role `recall` for the scope's tenant.
        scope: The giant scope.
        embedding: Shape (dimensions,) float32.
        limit: Turns to return at most.
        ef_search: Candidates that the index looks at; `limit` if that is more.
    """
    await connection.execute(GiantScopeQueries.search_approximately, max(ef_search, min(limit, _MAX_EF_SEARCH)))
    rows = await connection.fetch(
        GiantScopeQueries.nearest_approximate,
        scope.tenant_id,
        scope.agent_id,
        scope.user_id,
        HalfVector(embedding),
        limit,
    )
    # After an error this is not reached: the transaction has failed, and its settings end with it.
    await connection.execute(GiantScopeQueries.search_exactly)
    return sorted((NearTurn(**row) for row in rows), key=lambda turn: turn.distance)
