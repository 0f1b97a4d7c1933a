"""Decide whether two near duplicates say the same thing. A cosine cannot tell "allergic" from "not allergic"."""

import unicodedata

_TYPOGRAPHY = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_PUNCTUATION = ".,;:"
# "No, milk is fine" and "No milk is fine": after a word of denial, the comma counts.
_DENIALS = frozenset({"no", "not", "nein", "nicht", "non", "nej", "nee", "nie", "não", "нет", "не"})


def says_the_same(one: str, other: str) -> bool:
    """Return whether two contents have the same words in the same order, spelled alike.

    Only the white space between words and the punctuation after plain words may differ. Nearly equal sentences
    otherwise say different things: another number, name, code, negation, tense, or word order. Texts of several lines
    are compared as they are, because indentation may count.
    """
    return _words(one) == _words(other)


def _words(content: str) -> list[str]:
    text = unicodedata.normalize("NFC", content).translate(_TYPOGRAPHY).strip()
    return [text] if len(text.splitlines()) > 1 else [_without_punctuation(word) for word in text.split()]


def _without_punctuation(word: str) -> str:
    """Cut the punctuation after a plain word. After a number, an abbreviation or a code, it may be a part of it."""
    bare = word.rstrip(_PUNCTUATION)
    is_plain = bare.isalpha() and bare[1:] == bare[1:].lower()
    return bare if is_plain and bare.casefold() not in _DENIALS else word
