"""Run the model off the event loop. After a failure, find out whether the text or the model is to blame."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.errors import PermanentError, TransientError

ResultT = TypeVar("ResultT")

_CANARY = "A sentence that every model can embed."


class ModelUnavailable(TransientError):
    """The model fails for every text, so the texts are not at fault."""


class Unembeddable(PermanentError):
    """The model works, and fails for this text."""


async def run_or_blame(
    embedder: Embedder, thread: ThreadPoolExecutor, work: Callable[[Sequence[str]], ResultT], texts: Sequence[str]
) -> ResultT:
    """Run `work(texts)` in a thread. After a failure, embed a canary to learn whether the texts or the model is broken.

    Args:
        embedder: The model, for the canary.
        thread: Where the model runs.
        work: A function that uses the model.
        texts: Its argument.

    Raises:
        Unembeddable: If the model fails for these texts only.
        ModelUnavailable: If the model fails for the canary, too.
    """
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(thread, work, texts)
    except Exception as error:  # the model is third-party code and may raise anything
        try:
            await loop.run_in_executor(thread, embedder.embed, [_CANARY])
        except Exception as canary_error:  # noqa: BLE001 - the same third-party code
            raise ModelUnavailable(f"the model fails for every text: {canary_error}") from error
        raise Unembeddable(f"the model cannot embed the text: {type(error).__name__}: {error}") from error
