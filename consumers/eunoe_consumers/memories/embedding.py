"""Embeds the texts of requests; those that arrive while the model is busy are embedded together."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from eunoe_consumers.embedding.blame import Unembeddable, run_or_blame
from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.postgres.memories import Embedded

# So many texts take seconds at most: those of a request that comes meanwhile do not wait for a whole import.
_TEXTS_PER_RUN = 128


class TextEmbedder:
    """One model, one thread, one queue."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="curate")
        self._waiting: dict[str, asyncio.Future[Embedded]] = {}
        self._running: asyncio.Task[None] | None = None

    async def embed(self, texts: Sequence[str]) -> Mapping[str, Embedded]:
        """Return the embedding of each text.

        Raises:
            Unembeddable: If the model has no embedding for one of them.
            ModelUnavailable: If the model fails for every text.
        """
        if not texts:
            return {}
        loop = asyncio.get_running_loop()
        futures = {text: self._waiting.setdefault(text, loop.create_future()) for text in dict.fromkeys(texts)}
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        await asyncio.wait(futures.values())
        errors = [error for future in futures.values() if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return {text: future.result() for text, future in futures.items()}

    async def _run(self) -> None:
        while self._waiting:
            taken = dict(list(self._waiting.items())[:_TEXTS_PER_RUN])
            for text in taken:
                del self._waiting[text]
            await self._embed(taken)

    async def _embed(self, taken: Mapping[str, asyncio.Future[Embedded]]) -> None:
        """Embed texts together; where that fails, one by one, so that only the guilty one's request is refused."""
        try:
            vectors = await run_or_blame(self._embedder, self._thread, self._embedder.embed, list(taken))
        except Unembeddable as error:
            if len(taken) > 1:
                for text, future in taken.items():
                    await self._embed({text: future})
                return
            _fail(taken, error)
        except TransientError as error:
            _fail(taken, error)
        else:
            for future, vector in zip(taken.values(), vectors, strict=True):
                future.set_result(Embedded(vector, self._embedder.name))


def _fail(taken: Mapping[str, asyncio.Future[Embedded]], error: TransientError | PermanentError) -> None:
    for future in taken.values():
        future.set_exception(error)
