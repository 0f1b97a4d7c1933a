"""Fuse the parts of each candidate's score: a weighted sum."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.postgres.candidates import Outline, TurnCandidate
from eunoe_consumers.recall.ranking.cues import asks_for_time, is_question, names_time
from eunoe_consumers.recall.ranking.lexical import Array, LexicalScores, beside
from eunoe_consumers.recall.ranking.weights import Weights

_BRIEF_CHARS, _LONG_CHARS, _LONGEST_CHARS = 200, 800, 4_000
_SESSION_BEST = 3


@dataclass(frozen=True)
class RankingQuery:
    """A query as ranking sees it.

    Attributes:
        text: The text of the request, unchanged.
        speakers: All speakers of the scope.
        named: The speakers whom the query names.
        is_within: Whether a moment is in the period that the query names; None if it names no period.
    """

    text: str
    speakers: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    is_within: Callable[[datetime], bool] | None = None


@dataclass(frozen=True)
class Ranked:
    """A candidate with its score.

    Attributes:
        candidate: The turn.
        score: The sum of the parts.
        parts: The value of each part by its name, without parts of value 0.
    """

    candidate: TurnCandidate
    score: float
    parts: Mapping[str, float]


def rank(
    query: RankingQuery,
    candidates: Sequence[TurnCandidate],
    outline: Outline,
    lexical: LexicalScores,
    weights: Weights,
) -> list[Ranked]:
    """Return the candidates by score, the best first; equal scores in stream order.

    Neighbours and session mates count only if they are candidates, too. The other turns share neither words nor much
    meaning with the query.
    """
    if not candidates:
        return []
    ordered = sorted(candidates, key=lambda candidate: candidate.position)
    scope = _Places(ordered, outline)
    own = _own_parts(query, ordered, weights)
    own["bm25"] = weights.bm25 * scope.of(lexical.bm25)
    own["contextual_bm25"] = weights.contextual_bm25 * scope.of(lexical.contextual)
    base = scope.spread(own["cosine"] + own["bm25"])
    asking = scope.spread(np.array([is_question(candidate.content) for candidate in ordered], dtype=np.float64))
    nearest, second = (beside(base, scope.sessions, distance)[scope.at] for distance in (1, 2))
    own["neighbour"] = weights.neighbour * nearest
    own["second_neighbour"] = weights.second_neighbour * second
    own["answer"] = weights.answer * beside(base * asking, scope.sessions, 1, after=False)[scope.at]
    own["question"] = -weights.question * asking[scope.at]
    score = np.sum(list(own.values()), axis=0)
    own["session"] = weights.session * scope.best_of_session(score)
    own["session_bm25"] = weights.session_bm25 * scope.of(lexical.sessions)
    score = np.sum(list(own.values()), axis=0)
    return [
        Ranked(
            ordered[index],
            float(score[index]),
            {name: float(part[index]) for name, part in own.items() if part[index]},
        )
        for index in _descending(score)
    ]


def _own_parts(query: RankingQuery, candidates: Sequence[TurnCandidate], weights: Weights) -> dict[str, Array]:
    """Return the parts that need the turn alone, each of shape (candidates,)."""

    def part(weight: float, values: Sequence[float]) -> Array:
        return weight * np.array(values, dtype=np.float64)

    chars = np.array([max(1, len(candidate.content)) for candidate in candidates], dtype=np.float64)
    parts = {
        "cosine": part(weights.cosine, [candidate.cosine for candidate in candidates]),
        "length": -weights.length * np.log(np.clip(chars, _LONG_CHARS, _LONGEST_CHARS) / _LONG_CHARS),
        "brevity": weights.brevity * np.log(np.minimum(chars, _BRIEF_CHARS) / _BRIEF_CHARS),
    }
    if (is_within := query.is_within) is not None:
        parts["date"] = part(weights.date, [is_within(c.occurred_at or c.created_at) for c in candidates])
    if query.named and query.named != query.speakers:
        parts["speaker"] = part(weights.speaker, [candidate.speaker in query.named for candidate in candidates])
    if asks_for_time(query.text):
        parts["time"] = part(weights.time, [names_time(candidate.content) for candidate in candidates])
    if not query.speakers:
        parts["user"] = part(weights.user, [candidate.role == "user" for candidate in candidates])
    return parts


def _descending(scores: Array) -> list[int]:
    """Return the indices of scores, the best first, equal scores in their given order."""
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order


class _Places:
    """The places of the candidates in the outline.

    A turn that was written after the outline was read is not in it, nor is the oldest part of a long scope. Such a
    candidate gets a place after the outline, in a session of its own.
    """

    def __init__(self, candidates: Sequence[TurnCandidate], outline: Outline) -> None:
        known = len(outline.positions)
        positions = np.array([candidate.position for candidate in candidates], dtype=np.int64)
        at = np.searchsorted(outline.positions, positions)
        absent = at >= known
        absent[~absent] = outline.positions[at[~absent]] != positions[~absent]
        at[absent] = known + np.arange(absent.sum())
        first = int(outline.session_numbers.max(initial=-1)) + 1
        self.at = at
        self.sessions: NDArray[np.int64] = np.concatenate(
            [outline.session_numbers, first + np.arange(absent.sum(), dtype=np.int64)]
        )

    def spread(self, values: Array) -> Array:
        """Return values of the candidates as values of all places; 0 for turns that are no candidates."""
        spread = np.zeros(len(self.sessions))
        spread[self.at] = values
        return spread

    def of(self, values: Array) -> Array:
        """Return the candidates' values from values of the outline; 0 for candidates outside it."""
        known = len(values)
        return (
            np.where(self.at < known, values[np.minimum(self.at, known - 1)], 0.0) if known else np.zeros(len(self.at))
        )

    def best_of_session(self, scores: Array) -> Array:
        """Return for each candidate the mean of its session's three best scores; of fewer in a shorter session."""
        sizes = np.minimum(np.bincount(self.sessions), _SESSION_BEST)
        best = np.zeros(len(sizes))
        mine = self.sessions[self.at]
        taken = np.zeros(len(sizes), dtype=np.int64)
        for index in _descending(scores):
            if taken[mine[index]] < _SESSION_BEST:
                taken[mine[index]] += 1
                best[mine[index]] += scores[index]
        return (best / sizes)[mine]
