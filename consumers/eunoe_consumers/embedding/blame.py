"""Embed off the event loop, and tell a text that the model fails on from a model that fails."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.errors import PermanentError, TransientError

ResultT = TypeVar("ResultT")

_CANARY = "A sentence that every model can embed."


class ModelUnavailable(TransientError):
    """The model fails for every text: nothing is wrong with the messages."""


class Unembeddable(PermanentError):
    """The model has no embedding for this text."""


async def run_or_blame(
    embedder: Embedder, thread: ThreadPoolExecutor, work: Callable[[Sequence[str]], ResultT], texts: Sequence[str]
) -> ResultT:
    """Return what `work`, which uses the model, makes of texts in a thread.

    Raises:
        Unembeddable: If the model fails for these texts.
        ModelUnavailable: If it fails for every text.
    """
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(thread, work, texts)
    except Exception as error:  # the model is third-party code, and may raise anything
        # Is it the text, or the model?
        try:
            await loop.run_in_executor(thread, embedder.embed, [_CANARY])
        except Exception as canary_error:  # noqa: BLE001 - the same third-party code
            msg = f"the model fails for every text: {canary_error}"
            raise ModelUnavailable(msg) from error
        msg = f"the model cannot embed it: {type(error).__name__}: {error}"
        raise Unembeddable(msg) from error
