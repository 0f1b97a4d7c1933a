"""Embeds queries off the event loop; those that arrive while the model is busy are embedded together."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.errors import PermanentError

_QUERIES_PER_RUN = 16


class QueryNotEmbedded(PermanentError):
    """The model has no embedding for this query."""


class QueryEmbedder:
    """One model, one thread, one queue."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="query")
        self._waiting: list[str] = []
        self._waiters: dict[str, list[asyncio.Future[NDArray[np.float32]]]] = {}
        self._running: asyncio.Task[None] | None = None

    async def embed(self, query: str) -> NDArray[np.float32]:
        """Return the embedding of a query, shape (dimensions,) float32, unit length.

        Those who ask the same at the same time, the model being busy with it already too, share one embedding.

        Raises:
            QueryNotEmbedded: If the model fails for it.
        """
        future: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        if query not in self._waiters:
            self._waiters[query] = []
            self._waiting.append(query)
        self._waiters[query].append(future)
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
            await self._embed(taken)

    async def _embed(self, taken: Sequence[str]) -> None:
        """Embed queries together; where the model fails, one by one, since only one of them may be to blame."""
        wanted = [query for query in taken if self._is_wanted(query)]
        if not wanted:
            return
        loop = asyncio.get_running_loop()
        try:
            embeddings = await loop.run_in_executor(self._thread, self._embedder.embed, wanted)
        except Exception as error:  # noqa: BLE001 - whatever the model does belongs to those who wait for it
            if len(wanted) > 1:
                for query in wanted:
                    await self._embed([query])
                return
            for future in self._pop(wanted[0]):
                future.set_exception(QueryNotEmbedded(f"the model cannot embed the query: {type(error).__name__}"))
            return
        for query, embedding in zip(wanted, embeddings, strict=True):
            for future in self._pop(query):
                future.set_result(embedding)

    def _is_wanted(self, query: str) -> bool:
        """Tell whether anybody waits for a query still, and forget it where nobody does."""
        if all(future.done() for future in self._waiters[query]):
            del self._waiters[query]
            return False
        return True

    def _pop(self, query: str) -> list["asyncio.Future[NDArray[np.float32]]"]:
        return [future for future in self._waiters.pop(query) if not future.done()]
