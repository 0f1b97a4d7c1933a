"""Embed texts off the event loop. Texts that arrive while the model is busy share its next run."""

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.embedding.blame import ModelUnavailable, Unembeddable, run_or_blame
from eunoe_consumers.embedding.embedder import Embedder

_SURELY_ONE_PIECE_CHARS = 80  # models read 128 tokens at least, and a character of Hangul may have three
_PIECES_PER_END = 2

Vector: TypeAlias = NDArray[np.float32]
"""A unit vector, shape (dimensions,)."""


@dataclass(frozen=True)
class EmbeddedQuery:
    """The embeddings of a query.

    Attributes:
        pieces: The embedding of each piece. A query that the model can read at once is one piece.
        unread_chars: The characters of a long query's middle that the model did not read.
    """

    pieces: dict[str, Vector]
    unread_chars: int = 0


class CoalescingEmbedder:
    """Serve concurrent callers with one model, one thread and one queue.

    Callers that ask for the same text at the same time share one embedding. A text is dropped as soon as no caller
    waits for it.

    Args:
        embedder: The model.
        texts_per_run: Texts that one run takes at most. A caller that arrives during a run waits until it ends.
    """

    def __init__(self, embedder: Embedder, *, texts_per_run: int) -> None:
        self._embedder = embedder
        self._texts_per_run = texts_per_run
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self._queue: list[str] = []
        self._waiters: dict[str, list[asyncio.Future[Vector]]] = {}  # of the texts in the queue and in the run
        self._running: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self._embedder.name

    async def embed(self, text: str) -> Vector:
        """Return the embedding of one text.

        Raises:
            Unembeddable: If the model fails for this text.
            ModelUnavailable: If the model fails for every text.
        """
        return await self._enqueue(text)

    async def embed_all(self, texts: Collection[str]) -> dict[str, Vector]:
        """Return the embedding of each text.

        Raises:
            Unembeddable: If the model fails for one of the texts.
            ModelUnavailable: If the model fails for every text.
        """
        distinct = list(dict.fromkeys(texts))
        embedded: dict[str, Vector] = {}
        outcomes = await asyncio.gather(*map(self._enqueue, distinct), return_exceptions=True)
        for text, outcome in zip(distinct, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            embedded[text] = outcome
        return embedded

    async def embed_query(self, text: str) -> EmbeddedQuery:
        """Embed a query. If the model cannot read it at once, embed its pieces.

        A long query has at most four pieces, its first and last ones: people paste a text, and ask before or after it.

        Raises:
            Unembeddable: If the model fails for one of the pieces.
            ModelUnavailable: If the model fails for every text.
        """
        if len(text) <= _SURELY_ONE_PIECE_CHARS:
            return EmbeddedQuery({text: await self.embed(text)})
        (spans,) = await asyncio.to_thread(self._embedder.spans, [text])
        unread_chars = 0
        if len(spans) > 2 * _PIECES_PER_END:
            spans = [*spans[:_PIECES_PER_END], *spans[-_PIECES_PER_END:]]
            unread_chars = max(0, spans[_PIECES_PER_END][0] - spans[_PIECES_PER_END - 1][1])
        return EmbeddedQuery(await self.embed_all([text[start:end] for start, end in spans]), unread_chars)

    async def count_tokens(self, text: str) -> int:
        """Count the tokens of a whole text, without special tokens. Runs beside the queue, so it delays no caller."""
        (count,) = await asyncio.to_thread(self._embedder.count_all_tokens, [text])
        return count

    def _enqueue(self, text: str) -> "asyncio.Future[Vector]":
        future: asyncio.Future[Vector] = asyncio.get_running_loop().create_future()
        if text not in self._waiters:
            self._waiters[text] = []
            self._queue.append(text)
        self._waiters[text].append(future)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run_until_empty())
        return future

    async def _run_until_empty(self) -> None:
        while self._queue:
            taken, self._queue = self._queue[: self._texts_per_run], self._queue[self._texts_per_run :]
            await self._run(taken)

    async def _run(self, taken: Sequence[str]) -> None:
        """Embed texts in one run. After a failure, embed them one by one, so that only the bad text fails."""
        texts = [text for text in taken if self._is_wanted(text)]
        if not texts:
            return
        try:
            vectors = await run_or_blame(self._embedder, self._thread, self._embedder.embed, texts)
        except Unembeddable as error:
            if len(texts) > 1:
                for text in texts:
                    await self._run([text])
                return
            # The model's own message may quote the text, and this one reaches replies and logs.
            cause = type(error.__cause__).__name__
            self._fail(texts, Unembeddable(f"the model cannot embed the text: {cause}"))
        except ModelUnavailable as error:
            self._fail(texts, error)
        else:
            for text, vector in zip(texts, vectors, strict=True):
                for future in self._pop_waiters(text):
                    future.set_result(vector)

    def _is_wanted(self, text: str) -> bool:
        """Return whether a caller still waits for a text; drop the text if none does."""
        if all(future.done() for future in self._waiters[text]):
            del self._waiters[text]
            return False
        return True

    def _fail(self, texts: Sequence[str], error: Unembeddable | ModelUnavailable) -> None:
        for text in texts:
            for future in self._pop_waiters(text):
                future.set_exception(error)

    def _pop_waiters(self, text: str) -> list["asyncio.Future[Vector]"]:
        return [future for future in self._waiters.pop(text) if not future.done()]
