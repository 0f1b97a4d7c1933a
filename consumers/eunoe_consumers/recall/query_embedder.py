"""Embeds queries off the event loop; those that arrive while the model is busy are embedded together."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.model.embedder import Embedder

_QUERIES_PER_RUN = 16


class QueryEmbedder:
    """One model, one thread, one queue."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="query")
        self._waiting: list[tuple[str, asyncio.Future[NDArray[np.float32]]]] = []
        self._running: asyncio.Task[None] | None = None

    async def embed(self, query: str) -> NDArray[np.float32]:
        """Return the embedding of a query, shape (dimensions,) float32, unit length."""
        future: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken, self._waiting = self._waiting[:_QUERIES_PER_RUN], self._waiting[_QUERIES_PER_RUN:]
            queries = [query for query, future in taken if not future.done()]
            futures = [future for _, future in taken if not future.done()]
            try:
                embeddings = await loop.run_in_executor(self._thread, self._embedder.embed, queries)
                for future, embedding in zip(futures, embeddings, strict=True):
                    if not future.done():
                        future.set_result(embedding)
            except Exception as error:  # noqa: BLE001 - whatever the model does belongs to those who wait for it
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
