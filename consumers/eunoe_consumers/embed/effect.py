"""The effect of the group `embed`, and the rule by which it divides what it reads."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from eunoe_consumers.delivery.entry import Delivered
from eunoe_consumers.model.blame import embed_or_blame
from eunoe_consumers.model.embedder import Embedder
from eunoe_consumers.store.turns import NewTurn, TurnWriter
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent


class EmbedAndStore:
    """Embeds a batch off the event loop and writes it in one transaction."""

    def __init__(self, embedder: Embedder, writer: TurnWriter, *, batch_tokens: int) -> None:
        self._embedder = embedder
        self._writer = writer
        self._batch_tokens = batch_tokens
        # One thread: a second one would only take turns with the first for the same cores.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")

    def split(self, batch: Sequence[Delivered[MessageEvent]]) -> Iterator[Sequence[Delivered[MessageEvent]]]:
        """Divide a batch so that no part has more than `batch_tokens`: 512 long texts would take half a minute.

        Sorted by tokens first, over all that was read: texts of like length then share a slice of the model, and little
        of what it computes is padding.
        """
        tokens = self._embedder.count_tokens([delivered.event.content for delivered in batch])
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
        embeddings = await embed_or_blame(
            self._embedder, self._thread, [delivered.event.content for delivered in batch]
        )
        await self._writer.write(
            [
                NewTurn(delivered.event, delivered.order, embedding)
                for delivered, embedding in zip(batch, embeddings, strict=True)
            ]
        )
        return {}
