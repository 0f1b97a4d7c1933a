"""Fuse what is known of each candidate into one score, part by part."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.postgres.candidates import Outline, TurnCandidate
from eunoe_consumers.recall.ranking.cues import asks_for_time, is_question, names_time
from eunoe_consumers.recall.ranking.lexical import Array, LexicalScores, beside
from eunoe_consumers.recall_weights import Weights

_BRIEF_CHARS, _LONG_CHARS, _LONGEST_CHARS = 200, 800, 4_000
_SESSION_BEST = 3


@dataclass(frozen=True)
class RankingQuery:
    """What is known of a query before anything is looked up.

    Attributes:
        text: As it was asked.
        speakers: Everybody who speaks in the scope.
        named: Those of them whom the query names.
        is_within: Tells whether a moment is in the period that the query names; None where it names none.
    """

    text: str
    speakers: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    is_within: Callable[[datetime], bool] | None = None


@dataclass(frozen=True)
class Ranked:
    """A candidate and what its score is made of.

    Attributes:
        candidate: The turn.
        score: The sum of the parts.
        parts: By name; what adds nothing is left out.
    """

    candidate: TurnCandidate
    score: float
    parts: Mapping[str, float]


def rank(
    question: RankingQuery,
    candidates: Sequence[TurnCandidate],
    outline: Outline,
    lexical: LexicalScores,
    weights: Weights,
) -> list[Ranked]:
    """Return the candidates by score, the best first; equal ones in stream order.

    What a turn gets from its neighbours and its session comes from those among the candidates: others have neither
    words nor much meaning in common with the query, and count as nothing.
    """
    if not candidates:
        return []
    ordered = sorted(candidates, key=lambda candidate: candidate.position)
    scope = _Places(ordered, outline)
    own = _own_parts(question, ordered, weights)
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


def _own_parts(question: RankingQuery, candidates: Sequence[TurnCandidate], weights: Weights) -> dict[str, Array]:
    """Return the parts that a turn has by itself, shape (candidates,) each."""

    def part(weight: float, values: Sequence[float]) -> Array:
        return weight * np.array(values, dtype=np.float64)

    chars = np.array([max(1, len(candidate.content)) for candidate in candidates], dtype=np.float64)
    parts = {
        "cosine": part(weights.cosine, [candidate.cosine for candidate in candidates]),
        "length": -weights.length * np.log(np.clip(chars, _LONG_CHARS, _LONGEST_CHARS) / _LONG_CHARS),
        "brevity": weights.brevity * np.log(np.minimum(chars, _BRIEF_CHARS) / _BRIEF_CHARS),
    }
    if (is_within := question.is_within) is not None:
        parts["date"] = part(weights.date, [is_within(c.occurred_at or c.created_at) for c in candidates])
    if question.named and question.named != question.speakers:
        parts["speaker"] = part(weights.speaker, [candidate.speaker in question.named for candidate in candidates])
    if asks_for_time(question.text):
        parts["time"] = part(weights.time, [names_time(candidate.content) for candidate in candidates])
    if not question.speakers:
        parts["user"] = part(weights.user, [candidate.role == "user" for candidate in candidates])
    return parts


def _descending(scores: Array) -> list[int]:
    """Return the order of scores, the best first, equal ones as they come."""
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order


class _Places:
    """Where the candidates are in the outline; those that it does not have come after it, each in a session alone.

    A scope's outline ends with its newest turns, and a turn may have been written since it was read.
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
        """Return values of the candidates at their places, 0 elsewhere."""
        found = np.zeros(len(self.sessions))
        found[self.at] = values
        return found

    def of(self, values: Array) -> Array:
        """Return the candidates' share of values of the outline."""
        known = len(values)
        return (
            np.where(self.at < known, values[np.minimum(self.at, known - 1)], 0.0) if known else np.zeros(len(self.at))
        )

    def best_of_session(self, scores: Array) -> Array:
        """Return for each candidate the mean of the three best of its session, or of as many as the session has."""
        sizes = np.minimum(np.bincount(self.sessions), _SESSION_BEST)
        best = np.zeros(len(sizes))
        mine = self.sessions[self.at]
        taken = np.zeros(len(sizes), dtype=np.int64)
        for index in _descending(scores):
            if taken[mine[index]] < _SESSION_BEST:
                taken[mine[index]] += 1
                best[mine[index]] += scores[index]
        return (best / sizes)[mine]
