"""Fuse the parts of each candidate's score: a weighted sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.postgres.candidates import TurnCandidate
from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.recall.ranking.cues import asks_for_time, is_question, names_time
from eunoe_consumers.recall.ranking.lexical import Array, LexicalScores, beside
from eunoe_consumers.recall.ranking.named_period import NamedPeriod
from eunoe_consumers.recall.ranking.weights import Weights

_BRIEF_CHARS, _LONG_CHARS, _LONGEST_CHARS = 200, 800, 4_000
_SESSION_BEST = 3


@dataclass(frozen=True)
class RankingQuery:
    """A query as ranking sees it.

    Attributes:
        text: The text of the request, unchanged.
        speakers: All speakers of the scope.
        assistants: Those that are assistants.
        named: The speakers that the query names.
        period: The period that the query names; None if it names none.
    """

    text: str
    speakers: frozenset[str] = frozenset()
    assistants: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    period: NamedPeriod | None = None


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
    places = _Places(ordered, outline)
    parts = _own_parts(query, ordered, weights)
    parts["bm25"] = weights.bm25 * places.select(lexical.bm25)
    parts["contextual_bm25"] = weights.contextual_bm25 * places.select(lexical.contextual)
    base = places.spread(parts["cosine"] + parts["bm25"])
    asking = places.spread(np.array([is_question(candidate.content) for candidate in ordered], dtype=np.float64))
    nearest, second = (beside(base, places.sessions, distance)[places.at] for distance in (1, 2))
    parts["neighbour"] = weights.neighbour * nearest
    parts["second_neighbour"] = weights.second_neighbour * second
    parts["answer"] = weights.answer * beside(base * asking, places.sessions, 1, after=False)[places.at]
    parts["question"] = -weights.question * asking[places.at]
    score = np.sum(list(parts.values()), axis=0)
    parts["session"] = weights.session * places.best_of_session(score)
    parts["session_bm25"] = weights.session_bm25 * places.select(lexical.sessions)
    score = np.sum(list(parts.values()), axis=0)
    return [
        Ranked(
            ordered[index],
            float(score[index]),
            {name: float(part[index]) for name, part in parts.items() if part[index]},
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
    if query.period is not None:
        parts["date"] = part(weights.date, query.period.shares([c.occurred_at or c.created_at for c in candidates]))
    if query.named and query.named != query.speakers:
        parts["speaker"] = part(weights.speaker, [candidate.speaker in query.named for candidate in candidates])
    if asks_for_time(query.text):
        parts["time"] = part(weights.time, [names_time(candidate.content) for candidate in candidates])
    if len(query.speakers - query.assistants) <= 1:
        parts["user"] = part(weights.user, [candidate.role == "user" for candidate in candidates])
    return parts


def _descending(scores: Array) -> list[int]:
    """Return the indices of scores, the best first, equal scores in their given order."""
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order


class _Places:
    """The places of the candidates in the outline of their scope.

    The outline lacks turns that were written after it was read, and the oldest turns of a long scope. Such a candidate
    gets a place after the outline, in a session of its own.

    Attributes:
        at: The place of each candidate, shape (candidates,).
        sessions: The session of each place, shape (places,).
    """

    def __init__(self, candidates: Sequence[TurnCandidate], outline: Outline) -> None:
        known = len(outline.positions)
        positions = np.array([candidate.position for candidate in candidates], dtype=np.int64)
        at = outline.places_of(positions)
        absent = at < 0
        at[absent] = known + np.arange(absent.sum())
        first = int(outline.session_numbers.max(initial=-1)) + 1
        self.at = at
        self.sessions: NDArray[np.int64] = np.concatenate(
            [outline.session_numbers, first + np.arange(absent.sum(), dtype=np.int64)]
        )

    def spread(self, values: Array) -> Array:
        """Return the candidates' values at all places; 0 for turns that are not candidates."""
        spread = np.zeros(len(self.sessions))
        spread[self.at] = values
        return spread

    def select(self, values: Array) -> Array:
        """Select the candidates' values from the values of the outline; 0 for candidates outside it."""
        padded = np.zeros(len(self.sessions))
        padded[: len(values)] = values
        return padded[self.at]

    def best_of_session(self, scores: Array) -> Array:
        """Return for each candidate the mean of the three best scores in its session; of fewer in a shorter session."""
        sizes = np.minimum(np.bincount(self.sessions), _SESSION_BEST)
        best = np.zeros(len(sizes))
        mine = self.sessions[self.at]
        taken = np.zeros(len(sizes), dtype=np.int64)
        for index in _descending(scores):
            if taken[mine[index]] < _SESSION_BEST:
                taken[mine[index]] += 1
                best[mine[index]] += scores[index]
        return (best / sizes)[mine]
