"""Shorten long queries. A query may be as long as a message, and its beginning and its end say most."""

from collections.abc import Collection, Sequence

import numpy as np

from eunoe_consumers.embedding.coalescing import Vector
from eunoe_consumers.postgres.candidates import TurnCandidate

# Far more than anybody types. Names and dates are looked for in each character.
_SEARCHED_CHARS = 8_192
# The search by words takes the first 64 terms of a text, which are about so many characters.
_TERMS_CHARS = 1_000


def ends_of(query: str) -> str:
    """Return a query, or the beginning and the end of one with more than 8,192 characters."""
    if len(query) <= _SEARCHED_CHARS:
        return query
    half = _SEARCHED_CHARS // 2
    return f"{query[: half - 1]}\n{query[-half:]}"


def ends_first(text: str) -> str:
    """Return a text with its end before its middle, so that the first terms are those of the beginning and the end."""
    if len(text) <= _TERMS_CHARS:
        return text
    half = _TERMS_CHARS // 2
    return f"{text[:half]}\n{text[-half:]}\n{text[half:-half]}"


def mean_of(vectors: Collection[Vector]) -> Vector:
    """Return the unit vector between unit vectors; the only one unchanged."""
    first, *others = vectors
    if not others:
        return first
    total = sum(others, start=first)
    return (total / max(float(np.linalg.norm(total)), 1e-6)).astype(np.float32)


def nearest_of(searches: Sequence[Sequence[TurnCandidate]]) -> list[TurnCandidate]:
    """Return the candidates of several searches, each with its largest cosine."""
    best: dict[int, TurnCandidate] = {}
    for candidate in (candidate for search in searches for candidate in search):
        known = best.get(candidate.position)
        if known is None or candidate.cosine > known.cosine:
            best[candidate.position] = candidate
    return list(best.values())
