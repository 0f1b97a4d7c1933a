"""Find the directives and memories of a context."""

from collections.abc import Sequence
from dataclasses import dataclass

from eunoe_consumers.embedding.blame import ModelUnavailable, Unembeddable
from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.postgres.memory_recall import MemoryReader
from eunoe_consumers.recall.long_query import mean_of
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.memory import RecalledMemory
from eunoe_schema.recall import RecallRequest


@dataclass(frozen=True)
class RecalledMemories:
    """The directives and memories of a context."""

    directives: tuple[Directive, ...] = ()
    memories: tuple[RecalledMemory, ...] = ()


class MemoryRecall:
    """Finds directives and memories with one small statement, and a second one only if there are memories.

    Args:
        reader: Reads PostgreSQL.
        embedder: The embedder of the search for turns, so that the same query is embedded once.
        default_memories: Memories of each tier, if the request names no number.
    """

    def __init__(self, reader: MemoryReader, embedder: CoalescingEmbedder, *, default_memories: int) -> None:
        self._reader = reader
        self._embedder = embedder
        self._default_memories = default_memories

    async def find(self, request: RecallRequest) -> RecalledMemories:
        """Return the directives in order, and the memories of each wanted tier that are nearest to the query.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        limit = self._default_memories if request.memories is None else request.memories
        tiers = _wanted(request.tiers) if limit else []
        directives, has_memories = await self._reader.read_directives(request.scope, tiers)
        if not has_memories:
            return RecalledMemories(directives)
        try:
            vector = mean_of((await self._embedder.embed_query(request.query)).pieces.values())
        except (Unembeddable, ModelUnavailable):
            vector = None  # the newest memories instead: the context needs some in any case
        return RecalledMemories(directives, await self._reader.nearest(request.scope, tiers, vector, limit=limit))


def _wanted(tiers: Sequence[Tier]) -> list[Tier]:
    """Return the tiers in order. Personal memories are always wanted."""
    return [tier for tier in Tier if tier is Tier.PERSONAL or tier in tiers]
