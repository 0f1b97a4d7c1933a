"""An embedder without a model, for tests and benchmarks: fast, the same everywhere, and without meaning."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from .pieces import Span, cut
from .weights import MAX_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EXIT_MARKER: Final = "[[eunoe-test: exit]]"
RAISE_MARKER: Final = "[[eunoe-test: raise]]"
_WORD = re.compile(r"\w+")
_EXIT_CODE = 137  # what a process gets that the kernel kills


class HashEmbedder:
    """An `Embedder` that adds up a pseudo-random vector for each word: texts that share words are near.

    It stands in for the model where a test or a benchmark is about delivery and not about recall, and misbehaves on
    purpose where a text says so: a text with `EXIT_MARKER` ends the process as a crash would, one with `RAISE_MARKER`
    makes the model raise. Settings refuse it in production.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        """The model's name, as it is written on every row."""
        return "eunoe/hash"

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._dimensions

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words."""
        return [len(_WORD.findall(text)) + 2 for text in texts]

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count words."""
        return [len(_WORD.findall(text)) for text in texts]

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Cut where the model would if each of its tokens were a word."""
        starts = [[word.start() for word in _WORD.finditer(text)] for text in texts]
        return [
            cut(text, words, range(len(words)), limit_tokens=MAX_TOKENS - 2)
            for text, words in zip(texts, starts, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts into an array (n, dimensions) float32 of unit rows, in the order of the texts.

        Raises:
            ValueError: If a text holds `RAISE_MARKER`.
        """
        vectors = np.empty((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            if EXIT_MARKER in text:
                os._exit(_EXIT_CODE)  # as a crash would: no handler runs, nothing is released
            if RAISE_MARKER in text:
                msg = f"the text holds {RAISE_MARKER}"
                raise ValueError(msg)
            vector = sum((self._of_word(word) for word in _WORD.findall(text.lower())), self._of_word(""))
            vectors[row] = vector / np.linalg.norm(vector)
        return vectors

    def _of_word(self, word: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        bits = np.random.default_rng(seed).standard_normal(self._dimensions, dtype=np.float32)
        return bits.astype(np.float32)
