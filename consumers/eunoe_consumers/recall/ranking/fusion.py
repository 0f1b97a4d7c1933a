"""Fuse the parts of each candidate's score: a weighted sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.postgres.candidates import TurnCandidate
from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.recall.ranking.cues import asks_for_time, is_question, names_time
from eunoe_consumers.recall.ranking.echoes import Echo, is_repeated_question
from eunoe_consumers.recall.ranking.lexical import Array, LexicalScores, beside
from eunoe_consumers.recall.ranking.named_period import NamedPeriod
from eunoe_consumers.recall.ranking.newness import Age, by_age, narrowed, wanted_age
from eunoe_consumers.recall.ranking.questions import Topic, numbers_of
from eunoe_consumers.recall.ranking.refusals import is_refusal
from eunoe_consumers.recall.ranking.weights import Weights

_BRIEF_CHARS, _LONG_CHARS, _LONGEST_CHARS = 200, 800, 4_000
_SESSION_BEST = 3
# Echoes matter among the nearest texts only. To look at all 200 candidates would double the time of a recall.
_LOOKED_AT_TEXTS = 30


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
        echo: Why the turn holds no answer; None for every other turn.
    """

    candidate: TurnCandidate
    score: float
    parts: Mapping[str, float]
    echo: Echo | None = None


def rank(
    query: RankingQuery,
    candidates: Sequence[TurnCandidate],
    outline: Outline,
    lexical: LexicalScores,
    weights: Weights,
) -> list[Ranked]:
    """Return the candidates by score, the best first. Of equal scores, the age that the query asks for comes first.

    Neighbours and session mates count only if they are candidates, too. The other turns share neither words nor much
    meaning with the query.
    """
    if not candidates:
        return []
    ordered = sorted(candidates, key=lambda candidate: candidate.position)
    places = _Places(ordered, outline)
    asking = np.array([is_question(candidate.content) for candidate in ordered], dtype=np.float64)
    age = wanted_age(query.text)
    parts = _own_parts(query, ordered, weights)
    parts["bm25"] = weights.bm25 * places.select(lexical.bm25)
    parts["contextual_bm25"] = weights.contextual_bm25 * places.select(lexical.contextual)
    own = parts["cosine"] + parts["bm25"]
    near = own + parts["contextual_bm25"]
    echoes = _echoes(query, ordered, near, places) if weights.echo else [None] * len(ordered)
    parts["echo"] = -weights.echo * np.array([echo is not None for echo in echoes], dtype=np.float64)
    parts["question"] = -weights.question * asking
    parts |= _lent_parts(own, asking, echoes, places, weights)
    parts["session"] = weights.session * places.best_of_session(_sum(parts))
    parts["session_bm25"] = weights.session_bm25 * places.select(lexical.sessions)
    parts["newness"] = weights.newness * _newness(query, age, ordered, _sum(parts), movable=_answers(asking, echoes))
    score = _sum(parts)
    return [
        Ranked(
            ordered[index],
            float(score[index]),
            {name: float(part[index]) for name, part in parts.items() if part[index]},
            echoes[index],
        )
        for index in (_descending(score) if age is Age.OLDEST else _newest_first(score))
    ]


def _sum(parts: Mapping[str, Array]) -> Array:
    score: Array = np.sum(list(parts.values()), axis=0)
    return score


def _echoes(
    query: RankingQuery, candidates: Sequence[TurnCandidate], near: Array, places: "_Places"
) -> list[Echo | None]:
    """Return for each candidate whether it repeats the query's question, or refuses to answer one."""
    texts = [(candidate.content, candidate.role == "assistant") for candidate in candidates]
    looked_at = set(islice(dict.fromkeys(texts[index] for index in _descending(near)), _LOOKED_AT_TEXTS))
    topic = Topic(query.text)
    refusals = {text: is_refusal(text[0], topic, by_assistant=text[1]) for text in looked_at}
    refuses = np.array([refusals.get(text, False) for text in texts], dtype=np.float64)
    refused = beside(places.spread(refuses), places.sessions, 1, before=False)[places.at] > 0
    questions: dict[tuple[str, bool], bool] = {}
    echoes: list[Echo | None] = []
    for (text, by_assistant), was_refused in zip(texts, refused.tolist(), strict=True):
        if (text, by_assistant) not in looked_at:
            echoes.append(None)
        elif refusals[text, by_assistant]:
            echoes.append(Echo.REFUSAL)
        else:
            if (text, was_refused) not in questions:
                questions[text, was_refused] = is_repeated_question(text, topic, was_refused=was_refused)
            echoes.append(Echo.QUESTION if questions[text, was_refused] else None)
    return echoes


def _lent_parts(
    own: Array, asking: Array, echoes: Sequence[Echo | None], places: "_Places", weights: Weights
) -> dict[str, Array]:
    """Return the parts that a turn gets from the turns beside it.

    A refusal lends nothing, and a repeated question only to its answer. A refusal is no answer.
    """
    is_echo = np.array([echo is not None for echo in echoes], dtype=np.float64)
    is_repeated = np.array([echo is Echo.QUESTION for echo in echoes], dtype=np.float64)

    def before(values: Array) -> Array:
        return beside(places.spread(values), places.sessions, 1, after=False)[places.at]

    nearest, second = (
        beside(places.spread(own * (1 - is_echo)), places.sessions, distance)[places.at] for distance in (1, 2)
    )
    return {
        "neighbour": weights.neighbour * (nearest + (1 - is_echo) * before(own * is_repeated)),
        "second_neighbour": weights.second_neighbour * second,
        "answer": weights.answer * (1 - is_echo) * before(own * asking),
    }


def _answers(asking: Array, echoes: Sequence[Echo | None]) -> NDArray[np.bool_]:
    """Return which turns may answer: neither questions nor echoes."""
    return (asking == 0) & np.array([echo is None for echo in echoes], dtype=np.bool_)


def _newness(
    query: RankingQuery, age: Age, candidates: Sequence[TurnCandidate], scores: Array, *, movable: NDArray[np.bool_]
) -> Array:
    """Return how far the wanted age moves each score.

    If the query names a period or a number, only the turns in it, or with it, move, unless none of them is near.
    """
    times = [candidate.occurred_at or candidate.created_at for candidate in candidates]
    cosines = np.where(movable, [candidate.cosine for candidate in candidates], -1.0)
    if query.period is not None:
        shares = np.array(query.period.shares(times), dtype=np.float64)
        cosines = narrowed(cosines, (shares > 0) & (shares == shares.max()))
    elif numbers := numbers_of(query.text):
        cosines = narrowed(
            cosines, [all(number in candidate.content for number in numbers) for candidate in candidates]
        )
    moments = [(time, candidate.position) for time, candidate in zip(times, candidates, strict=True)]
    return by_age(age, scores, cosines, moments)


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


def _newest_first(scores: Array) -> list[int]:
    """Return the indices of scores in stream order, the best first, of equal scores the last."""
    return [len(scores) - 1 - index for index in _descending(scores[::-1])]


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
