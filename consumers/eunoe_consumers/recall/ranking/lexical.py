"""Score turns, turns with their neighbours, and whole sessions by their words: BM25.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009). k1 and b have their usual values.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.postgres.outline import Outline

_K1, _B = 1.2, 0.75
# The share of a neighbour's terms that counts for a turn, by distance.
_SHARES = ((1, 0.5), (2, 0.2))

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LexicalScores:
    """BM25 scores for each turn of an outline, 0..1: divided by the best score of the scope. All have the shape (n,).

    Attributes:
        bm25: The score of the turn.
        contextual: The score of the turn with a share of its neighbours' terms.
        sessions: The score of the turn's session.
    """

    bm25: Array
    contextual: Array
    sessions: Array


def lexical_scores(outline: Outline) -> LexicalScores:
    """Score the turns of an outline."""
    turns, terms = len(outline.positions), outline.term_count
    nothing = np.zeros(turns)
    if turns == 0 or terms == 0:
        return LexicalScores(nothing, nothing, nothing)
    tf = np.zeros((terms, turns))
    tf[outline.term_numbers, outline.term_places] = outline.term_tf
    lengths = outline.lengths.astype(np.float64)
    sessions = outline.session_numbers
    by_session = np.stack([_by_session(row, sessions) for row in tf])
    session_scores = _bm25(by_session, _by_session(lengths, sessions))
    return LexicalScores(
        bm25=_relative(_bm25(tf, lengths)),
        contextual=_relative(_bm25(_with_neighbours(tf, sessions), _with_neighbours(lengths[None], sessions)[0])),
        sessions=_relative(session_scores)[sessions],
    )


def beside(
    values: Array, sessions: NDArray[np.int64], distance: int, *, before: bool = True, after: bool = True
) -> Array:
    """Return for each turn the sum of the values `distance` turns before and after it in its session.

    Args:
        values: Shape (..., n), in the order of an outline's places.
        sessions: The session of each place, shape (n,). The turns of a session stand together.
        distance: 1 or more.
        before: Add the value of the turn before.
        after: Add the value of the turn after.
    """
    total = np.zeros_like(values)
    same = sessions[distance:] == sessions[:-distance]
    if before:
        total[..., distance:] += values[..., :-distance] * same
    if after:
        total[..., :-distance] += values[..., distance:] * same
    return total


def _by_session(values: Array, sessions: NDArray[np.int64]) -> Array:
    return np.bincount(sessions, weights=values).astype(np.float64)


def _with_neighbours(values: Array, sessions: NDArray[np.int64]) -> Array:
    return values + sum((share * beside(values, sessions, distance) for distance, share in _SHARES), np.zeros(1))


def _bm25(tf: Array, lengths: Array) -> Array:
    """Return the BM25 of documents. `tf` has the shape (terms, documents)."""
    documents = lengths.shape[0]
    df = (tf > 0).sum(axis=1)
    idf = np.log(1 + (documents - df + 0.5) / (df + 0.5))
    saturation = _K1 * (1 - _B + _B * lengths / max(float(lengths.mean()), 1e-9))
    scores: Array = (idf[:, None] * tf * (_K1 + 1) / (tf + saturation)).sum(axis=0)
    return scores


def _relative(scores: Array) -> Array:
    return scores / max(float(scores.max()), 1e-9)
