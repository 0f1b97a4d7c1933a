"""Texts in letters that the model does not know.

The tokenizer of the default model has one token, [UNK], for every word that it cannot spell: a Thai word, a picture, a
string of more than 100 characters. The model gives all texts of such words the same vector, so their cosine would be 1.
They get a vector of their own here, which is near to nothing but the same text.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.embedding.pieces import Span

# The tokens for unknown words, of WordPiece and of SentencePiece. Models with byte fallback have none.
UNKNOWN_TOKENS: Final = ("[UNK]", "<unk>")
# A text with more unknown words than this share says more by its form than by its meaning. Measured: Chinese sentences
# with the default model have a share of 0.36 to 0.9 and a mean cosine of 0.6, whatever they say.
_MAX_UNKNOWN_SHARE: Final = 1 / 3
# A longer one is a key or another blob beside words, and not a word in another script.
_LONGEST_WORD: Final = 100


def is_unknown(text: str, tokens: Sequence[Span], unknown: Sequence[bool]) -> bool:
    """Return whether a text is mostly in letters that the model does not know.

    Pictures and blobs count only if no word is known, because "Pizza" beside a picture is still pizza.

    Args:
        text: The text.
        tokens: The characters of each token. Special tokens are empty.
        unknown: Whether each token stands for an unknown word.
    """
    known = words = others = 0
    for (start, end), is_unknown_word in zip(tokens, unknown, strict=True):
        letters = text[start:end]
        if not is_unknown_word:
            known += any(letter.isalnum() for letter in letters)
        elif len(letters) <= _LONGEST_WORD and any(letter.isalpha() for letter in letters):
            words += 1
        else:
            others += 1
    return words > (words + known) * _MAX_UNKNOWN_SHARE if known else words + others > 0


def vector_of_unknown(text: str, dimensions: int) -> NDArray[np.float32]:
    """Return a unit vector that depends on the whole text: a hash. Two texts have a cosine of about 0.

    The hash, and not a generator of random numbers, because another version of numpy must give the same vector.
    """
    digest = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(dimensions)
    vector = np.frombuffer(digest, dtype=np.uint8).astype(np.float32) - np.float32(127.5)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def is_vector_of_unknown(vector: NDArray[np.float32], text: str) -> bool:
    """Return whether an embedder found a text unknown."""
    return np.array_equal(vector, vector_of_unknown(text, len(vector)))
