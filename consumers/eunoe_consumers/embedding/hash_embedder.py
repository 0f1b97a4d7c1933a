"""A test double of the embedder: fast, deterministic, and without meaning."""

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.embedding.pieces import Span, cut
from eunoe_consumers.embedding.weights import MAX_TOKENS

EXIT_MARKER: Final = "[[eunoe-test: exit]]"
RAISE_MARKER: Final = "[[eunoe-test: raise]]"
_WORD = re.compile(r"\w+")
_EXIT_CODE = 137  # the exit code of a process that SIGKILL ended


class HashEmbedder:
    """Embed a text as the sum of a pseudo-random vector per word, so that texts with common words are similar.

    Tests and benchmarks of delivery use it in place of the model. It fails on request: `EXIT_MARKER` in a text ends
    the process like a crash, `RAISE_MARKER` raises. `load_embedder` refuses it in production.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions

    @property
    def name(self) -> str:
        """The model's name, stored with every embedding."""
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
        """Cut each text like the model, with words as tokens."""
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
                os._exit(_EXIT_CODE)  # like a crash: no handler runs, and nothing is released
            if RAISE_MARKER in text:
                raise ValueError(f"the text holds {RAISE_MARKER}")
            vector = sum((self._of_word(word) for word in _WORD.findall(text.lower())), self._of_word(""))
            vectors[row] = vector / np.linalg.norm(vector)
        return vectors

    def _of_word(self, word: str) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        bits = np.random.default_rng(seed).standard_normal(self._dimensions, dtype=np.float32)
        return bits.astype(np.float32)
