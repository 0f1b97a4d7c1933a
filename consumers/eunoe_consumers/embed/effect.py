"""The effect of the group `embed`, and the rule by which it divides what it reads."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from eunoe_consumers.delivery.entry import Delivered
from eunoe_consumers.embedding.blame import run_or_blame
from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.embedding.pieces import Span
from eunoe_consumers.postgres.turns import NewPiece, NewTurn, TurnWriter
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent

log = structlog.stdlib.get_logger()


class EmbedAndStore:
    """Embeds a batch off the event loop and writes it in one transaction.

    Args:
        embedder: What embeds.
        writer: What writes.
        batch_tokens: Tokens that `split` puts together at most.
        max_pieces: Pieces of a long message that are embedded; what is behind them is stored only.
    """

    def __init__(self, embedder: Embedder, writer: TurnWriter, *, batch_tokens: int, max_pieces: int) -> None:
        self._embedder = embedder
        self._writer = writer
        self._batch_tokens = batch_tokens
        self._max_pieces = max_pieces
        # One thread: a second one would only take turns with the first for the same cores.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")

    def split(self, batch: Sequence[Delivered[MessageEvent]]) -> Iterator[Sequence[Delivered[MessageEvent]]]:
        """Divide a batch so that no part has more than `batch_tokens`: 512 long texts would take many minutes.

        The tokens of all pieces count, and a message whose pieces have more stands alone. Sorted by tokens first, over
        all that was read: texts of like length then share a slice of the model, and little of what it computes is
        padding.
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
        """Apply a batch: all of it, or nothing.

        Raises:
            Unembeddable: If a single text makes the model fail.
            ModelUnavailable: If every text does.
            RowRefused: If a row can never be stored.
            StoreUnavailable: If PostgreSQL failed in any other way.
        """
        texts = [delivered.event.content for delivered in batch]
        embedded = await run_or_blame(self._embedder, self._thread, self._embed_pieces, texts)
        await self._writer.write(
            [
                NewTurn(delivered.event, delivered.order, first.embedding, further)
                for delivered, (first, *further) in zip(batch, embedded, strict=True)
            ]
        )
        for delivered, pieces in zip(batch, embedded, strict=True):
            if pieces[-1].ends_at < len(delivered.event.content):
                log.warning(
                    "the end of a long message is stored but not embedded: EUNOE_EMBED_MAX_PIECES is in its way",
                    entry_id=delivered.id,
                    pieces=len(pieces),
                    embedded_chars=pieces[-1].ends_at,
                    chars=len(delivered.event.content),
                )
        return {}

    def _embed_pieces(self, texts: Sequence[str]) -> list[list[NewPiece]]:
        """Embed the pieces of all texts in one run, in which those of like length share a slice."""
        spans = self._spans(texts)
        pieces = [text[start:end] for text, of_text in zip(texts, spans, strict=True) for start, end in of_text]
        vectors = iter(self._embedder.embed(pieces))
        return [[NewPiece(start, end, next(vectors)) for start, end in of_text] for of_text in spans]

    def _count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of all pieces of each text."""
        spans = self._spans(texts)
        tokens = self._embedder.count_tokens(
            [text[: of_text[0][1]] for text, of_text in zip(texts, spans, strict=True)]
        )
        for index, (text, (_, *further)) in enumerate(zip(texts, spans, strict=True)):
            if further:  # of one text at a time: a batch of the longest ones would hold millions of tokens in memory
                tokens[index] += sum(self._embedder.count_tokens([text[start:end] for start, end in further]))
        return tokens

    def _spans(self, texts: Sequence[str]) -> list[list[Span]]:
        return [of_text[: self._max_pieces] for of_text in self._embedder.spans(texts)]
