"""Close a text up where something was taken out of it, and leave the rest as it is."""

import re
from collections.abc import Sequence

# What joins two names and nothing else when both are gone: "Jane and John".
_JOINS = re.compile(r"\s{0,3}(?:[,/&\u2013\u2014-]|,?\s{1,3}(?:and|or)|,?\s{1,3}&)\s{0,3}", re.IGNORECASE)
_CLOSES = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_OPENING = frozenset("([{\u201c\u2018\u00ab")
# Marks that have lost what they followed, and those that have lost what they led to (dashes included).
_ORPHANED = " \t\n,;:.!?/&\u2026\u2013\u2014-"
_POINTLESS = " \t\n,;:/&\u2013\u2014-"
_MARKS = frozenset(",;:.!?\u2026)]}\u201d\u00bb")


def without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return a text without some parts, given in order as start and end, and without what they leave behind.

    That is doubled white space, empty brackets and quotation marks, punctuation that has nothing to separate any more,
    and the "and" between two parts.
    """
    left, at = "", 0
    for place, (start, end) in enumerate(spans):
        piece = text[at:start]
        if place == 0:
            left = piece
        elif not _JOINS.fullmatch(piece):
            left = _closed_up(left, piece)
        at = end
    return _closed_up(left, text[at:])


def _closed_up(left: str, right: str) -> str:
    """Return two texts as one, between which something is missing."""
    left, right = left.rstrip(), right.lstrip()
    while left and right and _CLOSES.get(left[-1]) == right[0]:
        left, right = left[:-1].rstrip(), right[1:].lstrip()
    if not left.strip(_ORPHANED):
        return right.lstrip(_ORPHANED)
    if left[-1] in _OPENING:
        return left + right.lstrip(_ORPHANED)
    if not right or right[0] in _MARKS:
        return left.rstrip(_POINTLESS) + right
    return f"{left} {right}"
