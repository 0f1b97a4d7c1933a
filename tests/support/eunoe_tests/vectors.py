"""Random vectors, and an exact search through all of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import NewTurn, TurnWriter
from eunoe_schema.entries import EntryOrder
from eunoe_schema.scope import Scope
from eunoe_tests.events import event_of

DIMENSIONS = 384
START_MS = 1_700_000_000_000
_ROWS_PER_WRITE = 500
_SPREAD = 0.7  # distance of a vector from its centre
_ROUNDING = 1e-6  # difference between the distances of pgvector and numpy for the same half-precision vectors


def clustered(count: int, *, seed: int, clusters: int = 20) -> NDArray[np.float32]:
    """Return unit vectors around a few centres, like embeddings of chats; shape (count, 384) float32."""
    dice = np.random.default_rng(seed)
    centres = _unit(np.random.default_rng(1).standard_normal((clusters, DIMENSIONS)))
    noise = _SPREAD * dice.standard_normal((count, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    return _unit(centres[dice.integers(0, clusters, count)] + noise)


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


async def write_vectors(
    database: Database, scope: Scope, vectors: NDArray[np.float32], *, start: int = 0
) -> dict[int, NDArray[np.float32]]:
    """Write a turn for each vector, with the event ids `e<start>` and so on. Return the vectors by position."""
    orders = [EntryOrder(START_MS + start + number, 0) for number in range(len(vectors))]
    turns = [
        NewTurn(event_of(scope, f"e{start + number}", f"message {start + number}"), order, vector)
        for number, (order, vector) in enumerate(zip(orders, vectors, strict=True))
    ]
    writer = TurnWriter(database, embedding_model="test")
    for first in range(0, len(turns), _ROWS_PER_WRITE):
        await writer.write(turns[first : first + _ROWS_PER_WRITE])
    return {order.position: vector for order, vector in zip(orders, vectors, strict=True)}


class BruteForce:
    """An exact search through all vectors of a scope, in half precision as PostgreSQL stores them."""

    def __init__(self, stored: Mapping[int, NDArray[np.float32]]) -> None:
        self._positions = np.array(list(stored), dtype=np.int64)
        halves = np.array(list(stored.values())).astype(np.float16).astype(np.float64)
        self._unit = halves / np.linalg.norm(halves, axis=1, keepdims=True)

    def recall(self, found: Sequence[int], query: NDArray[np.float32], *, top_k: int) -> float:
        """Return the found share of the true nearest neighbours. Equally distant neighbours count alike.

        Args:
            found: The positions that a search returned. A position of another scope does not count.
            query: Shape (dimensions,) float32.
            top_k: The number of requested neighbours.
        """
        half = query.astype(np.float16).astype(np.float64)
        distances = 1 - self._unit @ half / np.linalg.norm(half)
        wanted = min(top_k, len(distances))
        furthest = np.partition(distances, wanted - 1)[wanted - 1] + _ROUNDING
        near = set(self._positions[distances <= furthest].tolist())
        return min(1.0, len(near.intersection(found)) / wanted)
