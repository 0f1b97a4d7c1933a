"""The effect of the group `embed`: divide a batch, embed its messages, and store them as turns."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import structlog

from eunoe_consumers.delivery.entry import Delivered
from eunoe_consumers.delivery.removed_tenants import RemovedTenants
from eunoe_consumers.embedding.blame import run_or_blame
from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.embedding.pieces import Span
from eunoe_consumers.errors import EventConflict
from eunoe_consumers.postgres.turns import NewPiece, NewTurn, TurnWriter
from eunoe_schema.entries import EntryOrder
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent
from eunoe_schema.streams import Subject

log = structlog.stdlib.get_logger()
_BEGINNING = EntryOrder(0, 0)


class EmbedAndStore:
    """Embeds a batch off the event loop, and stores it in one transaction.

    Args:
        embedder: The model.
        writer: Writes the turns.
        batch_tokens: Tokens per part at most, when `split` divides a batch.
        max_pieces: Pieces of a long message that are embedded. The rest is stored without embeddings.
        removed: Names the entries whose tenant was removed while they were embedded. None checks nothing.
    """

    def __init__(
        self,
        embedder: Embedder,
        writer: TurnWriter,
        *,
        batch_tokens: int,
        max_pieces: int,
        removed: RemovedTenants | None = None,
    ) -> None:
        self._removed = removed
        self._embedder = embedder
        self._writer = writer
        self._batch_tokens = batch_tokens
        self._max_pieces = max_pieces
        # A second thread would compete with the first for the same cores.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")

    def split(self, batch: Sequence[Delivered[MessageEvent]]) -> Iterator[Sequence[Delivered[MessageEvent]]]:
        """Divide a batch into parts of at most `batch_tokens`: 512 long texts at once would take many minutes.

        The tokens of all pieces count. A message with more tokens is a part of its own. The whole batch is sorted by
        tokens first, so that texts of similar length share a slice of the model, with little padding.
        """
        tokens = self._count_tokens([delivered.event.content for delivered in batch])
        part: list[Delivered[MessageEvent]] = []
        used = 0
        for index in sorted(range(len(batch)), key=tokens.__getitem__):
            if part and used + tokens[index] > self._batch_tokens:
                yield part
                part, used = [], 0
            part.append(batch[index])
            used += tokens[index]
        if part:
            yield part

    async def __call__(self, batch: Sequence[Delivered[MessageEvent]]) -> Mapping[str, EunoeError]:
        """Embed and store a batch, all of it or nothing. Return a conflict for each event id of another message.

        Raises:
            Unembeddable: If the model fails for a text of the batch.
            ModelUnavailable: If the model fails for every text.
            RowRefused: If a row can never be stored.
            StoreUnavailable: If PostgreSQL failed in another way.
        """
        texts = [delivered.event.content for delivered in batch]
        embedded = await run_or_blame(self._embedder, self._thread, self._embed_pieces, texts)
        last_removed = await self._last_removed(batch)
        turns = [
            NewTurn(delivered.event, delivered.order, first.embedding, further)
            for delivered, (first, *further) in zip(batch, embedded, strict=True)
            if delivered.order > last_removed.get(delivered.event.tenant_id, _BEGINNING)
        ]
        written = await self._writer.write(turns) if turns else 0
        for delivered, pieces in zip(batch, embedded, strict=True):
            if pieces[-1].ends_at < len(delivered.event.content):
                log.warning(
                    "the end of a long message is stored but not embedded: raise EUNOE_EMBED_MAX_PIECES to embed more",
                    entry_id=delivered.id,
                    pieces=len(pieces),
                    embedded_chars=pieces[-1].ends_at,
                    chars=len(delivered.event.content),
                )
        if written == len(turns):
            return {}
        # Some turns existed: of these entries, delivered before, or of earlier messages under the same event ids.
        others = await self._writer.conflicts([turn.event for turn in turns])
        return {
            delivered.id: EventConflict(delivered.event.event_id)
            for delivered in batch
            if any(delivered.event is other for other in others)
        }

    async def _last_removed(self, batch: Sequence[Delivered[MessageEvent]]) -> Mapping[UUID, EntryOrder]:
        """Return the last entry of each tenant's removed registration: a slow embedding may outlast a removal."""
        if self._removed is None:
            return {}
        return await self._removed.last_entries({delivered.event.tenant_id for delivered in batch}, Subject.MESSAGES)

    def _embed_pieces(self, texts: Sequence[str]) -> list[list[NewPiece]]:
        """Embed the pieces of all texts in one run, so that pieces of similar length share a slice."""
        spans = self._spans(texts)
        pieces = [text[start:end] for text, cuts in zip(texts, spans, strict=True) for start, end in cuts]
        vectors = iter(self._embedder.embed(pieces))
        return [[NewPiece(start, end, next(vectors)) for start, end in cuts] for cuts in spans]

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text's pieces."""
        spans = self._spans(texts)
        tokens = self._embedder.count_tokens([text[: cuts[0][1]] for text, cuts in zip(texts, spans, strict=True)])
        for index, (text, (_, *further)) in enumerate(zip(texts, spans, strict=True)):
            if further:  # text by text: a batch of the longest ones would hold millions of tokens in memory
                tokens[index] += sum(self._embedder.count_tokens([text[start:end] for start, end in further]))
        return tokens

    def _spans(self, texts: Sequence[str]) -> list[list[Span]]:
        return [spans[: self._max_pieces] for spans in self._embedder.spans(texts)]
