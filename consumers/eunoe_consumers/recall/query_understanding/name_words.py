"""Cut text into the words that names are compared by, folded so that case and encoding make no difference."""

import re
import unicodedata
from typing import NamedTuple

# Scripts written without spaces between words (Thai, Lao, Burmese, Khmer, kana, Chinese characters): each character is
# a word of its own, so that a name of several is found in the middle of a sentence. Hangul has spaces.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# `\w` has no combining marks: most Indian words would end at one. The basic plane's are enough: one class of all
# planes is searched range by range, which takes several times as long.
_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M"))
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(f"[{_UNSPACED}][{_MARKS}]*|[^\\W{_UNSPACED}]+(?:[{_MARKS}]+[^\\W{_UNSPACED}]*)*")


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        folded: The word as it is compared: case-folded, compatibility characters replaced.
        start: Where it begins.
        end: Where it ends, exclusive.
    """

    folded: str
    start: int
    end: int


def fold(word: str) -> str:
    """Return a word without its case and without differences of encoding (Unicode's NFKC_Casefold, nearly)."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def words(text: str) -> list[Word]:
    """Return the words of a text in order; whatever is between them separates them."""
    return [Word(fold(found.group()), found.start(), found.end()) for found in _WORD.finditer(text)]


def unspaced(folded: str) -> bool:
    """Tell whether a word is one character of a script that has no spaces."""
    return _UNSPACED_WORD.match(folded) is not None
