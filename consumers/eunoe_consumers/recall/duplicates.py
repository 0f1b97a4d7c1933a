"""Turns that say the same."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
# Short texts that share nine words of ten still differ in what matters: a name, a number.
_LEAST_WORDS = 20
# Of long texts so many are compared: a hundred of the longest must not hold up everybody else.
_COMPARED_WORDS = 400


@dataclass(frozen=True)
class _LongText:
    """What two long texts are compared by.

    Attributes:
        words: How often each word occurs.
        total: How many words there are.
        numbers: The words in digits, of the whole text: one of another number says something else.
        whole: How many words the whole text has.
    """

    words: Counter[str]
    total: int
    numbers: Counter[str]
    whole: int


class SeenTexts:
    """Tells of each text whether one that says the same came before."""

    def __init__(self) -> None:
        self._texts: set[tuple[str, ...]] = set()
        self._long: list[_LongText] = []

    def add(self, text: str) -> bool:
        """Note a text; False where one of the same words was noted, or a long one of nine words in ten.

        Case, punctuation and white space make no difference. Digits and the order of words do, in short texts.
        """
        words = tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
        words = words or (text.strip(),)  # of signs alone
        if words in self._texts:
            return False
        if len(words) >= _LEAST_WORDS:
            compared = words[:_COMPARED_WORDS]
            numbers = Counter(word for word in words if word.isdigit())
            long = _LongText(Counter(compared), len(compared), numbers, len(words))
            if any(_are_alike(long, other) for other in self._long):
                return False
            self._long.append(long)
        self._texts.add(words)
        return True


def _are_alike(one: _LongText, other: _LongText) -> bool:
    """Tell whether the Jaccard index of two texts' words, repeated ones counted, is 0.9 or more.

    Texts of thousands of words are compared by the hundred, while other requests wait: it ends as soon as too many
    words of the one are missing in the other.
    """
    # common / (one + other - common) >= 9 / 10, in whole numbers.
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
