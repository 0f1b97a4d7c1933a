"""The effect of the group `embed`, and the rule by which it divides what it reads."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.delivery.entry import Delivered
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.model.embedder import Embedder
from eunoe_consumers.store.turns import NewTurn, TurnWriter
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent

_CANARY = "A sentence that every model can embed."


class ModelUnavailable(TransientError):
    """The model fails for every text: nothing is wrong with the messages."""


class Unembeddable(PermanentError):
    """The model has no embedding for this text."""


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
        embeddings = await self._embed([delivered.event.content for delivered in batch])
        await self._writer.write(
            [
                NewTurn(delivered.event, delivered.order, embedding)
                for delivered, embedding in zip(batch, embeddings, strict=True)
            ]
        )
        return {}

    async def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._embedder.embed, texts)
        except Exception as error:  # the model is third-party code, and may raise anything
            # Is it the text, or the model?
            try:
                await loop.run_in_executor(self._thread, self._embedder.embed, [_CANARY])
            except Exception as canary_error:  # noqa: BLE001 - the same third-party code
                msg = f"the model fails for every text: {canary_error}"
                raise ModelUnavailable(msg) from error
            msg = f"the model cannot embed it: {type(error).__name__}: {error}"
            raise Unembeddable(msg) from error
