"""Write and search turns with the code of the consumers, without streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import TurnWriter
from eunoe_consumers.recall.ranking.fusion import Ranked
from eunoe_consumers.recall.ranking.weights import ASSISTANT, DIALOGUE
from eunoe_consumers.recall.turn_search import RankingOptions, Stages, TurnSearch
from eunoe_schema.events import MessageEvent
from eunoe_schema.scope import Scope
from eunoe_tests.events import event_of

FIRST_MS = 1_700_000_000_000
ASKED_AT = datetime(2023, 11, 21, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Memory:
    """Stores turns as the group `embed` does, and finds them as the group `recall` does."""

    database: Database
    embedder: Embedder

    async def store_events(self, events: Sequence[MessageEvent], *, start: int = 0) -> None:
        """Embed and store events. Their entries are a millisecond apart, from FIRST_MS plus `start`."""
        writer = TurnWriter(self.database, embedding_model=self.embedder.name)
        effect = EmbedAndStore(self.embedder, writer, batch_tokens=8_192, max_pieces=64)
        await effect([Delivered(Entry(f"{FIRST_MS + start + at}-0", {}), event) for at, event in enumerate(events)])

    async def store(self, scope: Scope, *contents: str, start: int = 0, **fields: Any) -> None:
        """Embed and store messages of a scope, with the event ids e<start> and so on."""
        numbered = enumerate(contents, start)
        await self.store_events(
            [event_of(scope, f"e{number}", content, **fields) for number, content in numbered], start=start
        )

    async def find(
        self,
        scope: Scope,
        query: str,
        *,
        ranking: str = "fusion",
        candidates: int = 100,
        beyond: int = 0,
        asked_at: datetime = ASKED_AT,
    ) -> Sequence[Ranked]:
        """Return the ranked turns for a query. Each call is a new search without cached speakers."""
        options = RankingOptions(ranking=ranking, dialogue=DIALOGUE, assistant=ASSISTANT, candidates=candidates)
        embedder = CoalescingEmbedder(self.embedder, texts_per_run=16)
        search = TurnSearch(CandidateReader(self.database), embedder, options)
        return await search.find(scope, query, asked_at=asked_at, wanted=10, beyond=beyond, stages=Stages())


def events_of(found: Sequence[Ranked]) -> list[str]:
    """Return the event ids of found turns, the best first."""
    return [ranked.candidate.event_id for ranked in found]
