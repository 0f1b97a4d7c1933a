"""Recognise messages that say the same: the same words, by the same speaker, on the same day."""

import re
import unicodedata
from collections.abc import Hashable
from itertools import islice

from eunoe_consumers.postgres.candidates import TurnCandidate
from eunoe_consumers.recall.ranking.cues import is_question

# Longer texts are compared as they are: cutting a hundred of them into words would delay other requests.
_FOLDED_CHARS = 2_000
_START_CHARS = 100
_LETTERS = re.compile(r"\w+")
_EDGES = re.compile(r"^[^\w+\-#%$\u20ac\u00a3]+|[^\w+#%$\u20ac\u00a3]+$")


def rough_key(candidate: TurnCandidate) -> Hashable:
    """Return a key that is equal for messages that say the same, and for others. It compares two words only."""
    start = candidate.content[:_START_CHARS]
    if not start.isascii():
        start = unicodedata.normalize("NFKC", start)
    first_words = [found.group() for found in islice(_LETTERS.finditer(start.casefold()), 2)]
    return candidate.speaker, candidate.role, tuple(first_words)


def message_key(candidate: TurnCandidate) -> Hashable:
    """Return a key that is equal for two messages that say the same.

    Another day, speaker or message role makes another message. The day is that of the message's own time zone.
    """
    day = (candidate.occurred_at or candidate.created_at).date()
    return day, candidate.speaker, candidate.role, text_key(candidate.content)


def text_key(text: str) -> Hashable:
    """Return a key that is equal for two texts of the same words in the same order.

    Case, encoding, white space and the punctuation around words make no difference. Every word does, and
    every sign inside a word. A question differs from a statement. Passwords and codes keep their case.
    """
    if len(text) > _FOLDED_CHARS:
        return text
    folded = [_folded(word) for word in unicodedata.normalize("NFKC", text).split()]
    words = tuple(word for word in folded if word)
    return (words, is_question(text)) if words else text.strip()


def _folded(word: str) -> str:
    """Return a word without the punctuation around it. A word without letters, such as an emoji, stays as it is."""
    bare = _EDGES.sub("", word)
    if not bare:
        return "" if word.isascii() else word
    return bare if _is_code(bare) else bare.casefold()


def _is_code(word: str) -> bool:
    """Return whether case may matter in a word: it has digits, or capital letters after small ones."""
    if word.islower() or (word.isupper() and word.isalpha()):
        return False
    return not word.isalpha() or not word[1:].islower()
