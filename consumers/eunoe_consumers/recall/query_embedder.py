"""Embeds queries off the event loop; those that arrive while the model is busy are embedded together."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.errors import PermanentError
from eunoe_consumers.model.embedder import Embedder

_QUERIES_PER_RUN = 16

_Waiting: TypeAlias = "tuple[str, asyncio.Future[NDArray[np.float32]]]"


class QueryNotEmbedded(PermanentError):
    """The model has no embedding for this query."""


class QueryEmbedder:
    """One model, one thread, one queue."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="query")
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def embed(self, query: str) -> NDArray[np.float32]:
        """Return the embedding of a query, shape (dimensions,) float32, unit length.

        Raises:
            QueryNotEmbedded: If the model fails for it.
        """
        future: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def count_tokens(self, text: str) -> int:
        """Count the tokens of a whole text, without the special ones; queries do not wait for it."""
        (count,) = await asyncio.to_thread(self._embedder.count_all_tokens, [text])
        return count

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:_QUERIES_PER_RUN], self._waiting[_QUERIES_PER_RUN:]
            await self._embed([waiting for waiting in taken if not waiting[1].done()])

    async def _embed(self, taken: Sequence[_Waiting]) -> None:
        """Embed queries together; where the model fails, one by one, since only one of them may be to blame."""
        if not taken:
            return
        loop = asyncio.get_running_loop()
        try:
            embeddings = await loop.run_in_executor(self._thread, self._embedder.embed, [query for query, _ in taken])
        except Exception as error:  # noqa: BLE001 - whatever the model does belongs to those who wait for it
            if len(taken) > 1:
                for waiting in taken:
                    await self._embed([waiting] if not waiting[1].done() else [])
                return
            (_, future) = taken[0]
            if not future.done():
                future.set_exception(QueryNotEmbedded(f"the model cannot embed the query: {type(error).__name__}"))
            return
        for (_, future), embedding in zip(taken, embeddings, strict=True):
            if not future.done():
                future.set_result(embedding)
