"""Recognise turns with the same text, or nearly the same long text."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
# Two short texts may share nine of ten words and still differ in what matters: a name, a number.
_MIN_WORDS = 20
# Comparing more words of a hundred long texts would delay other requests.
_COMPARED_WORDS = 400


@dataclass(frozen=True)
class _LongText:
    """The features by which long texts are compared.

    Attributes:
        words: The first words of the text, counted.
        total: The number of these words.
        numbers: All numbers of the text, counted. Texts with different numbers say different things.
        whole: The number of words of the whole text.
    """

    words: Counter[str]
    total: int
    numbers: Counter[str]
    whole: int


class SeenTexts:
    """Remembers texts, and recognises repeated ones."""

    def __init__(self) -> None:
        self._texts: set[tuple[str, ...]] = set()
        self._long: list[_LongText] = []

    def add(self, text: str) -> bool:
        """Remember a text. Return False if the same words, or nine of ten words of a long text, were seen before.

        Case, punctuation and white space make no difference. In short texts, digits and word order do.
        """
        words = tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
        words = words or (text.strip(),)  # a text without words, of punctuation alone
        if words in self._texts:
            return False
        if len(words) >= _MIN_WORDS:
            compared = words[:_COMPARED_WORDS]
            numbers = Counter(word for word in words if word.isdigit())
            long = _LongText(Counter(compared), len(compared), numbers, len(words))
            if any(_are_alike(long, other) for other in self._long):
                return False
            self._long.append(long)
        self._texts.add(words)
        return True


def _are_alike(one: _LongText, other: _LongText) -> bool:
    """Return whether the Jaccard index of two texts' words, counted with repetitions, is at least 0.9.

    Stops as soon as too many words of one text are missing in the other, because other requests wait meanwhile.
    """
    # common / (one + other - common) >= 9 / 10, in integers.
    needed = -(-9 * (one.total + other.total) // 19)
    if min(one.total, other.total) < needed or one.numbers != other.numbers:
        return False
    if 10 * min(one.whole, other.whole) < 9 * max(one.whole, other.whole):
        return False
    common = one.total
    for word, count in one.words.items():
        common -= max(0, count - other.words.get(word, 0))
        if common < needed:
            return False
    return True
