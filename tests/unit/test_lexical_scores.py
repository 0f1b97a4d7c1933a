"""The lexical scores against a textbook BM25: of turns, of turns with their neighbours, and of sessions."""

from collections import defaultdict
from dataclasses import dataclass
from math import log

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.recall.ranking.lexical import LexicalScores, lexical_scores

K1, B = 1.2, 0.75
# Length of a document, and occurrences of each query term. Neighbours add fractions of their own.
Document = tuple[float, dict[str, float]]


@dataclass(frozen=True)
class Turn:
    """A turn of a conversation.

    Attributes:
        words: Its text, a letter for each word. The query is "a", "b" and "c".
        session: The name of its session, if it has one.
    """

    words: str
    session: str | None = "s"


def outline_of(turns: list[Turn], query: str = "abc") -> Outline:
    """Return the outline that PostgreSQL would return: positions with gaps, sessions hashed, terms numbered from 1."""
    positions = [1_000 + 7 * place for place in range(len(turns))]
    hashes = [0 if turn.session is None else 1 + ord(turn.session[0]) for turn in turns]
    occurrences = [
        (number, position, turn.words.count(term))
        for number, term in enumerate(query, start=1)
        for position, turn in zip(positions, turns, strict=True)
        if term in turn.words
    ]
    numbers, places, tf = zip(*occurrences, strict=True) if occurrences else ((), (), ())
    return Outline.build((positions, hashes, [len(turn.words) for turn in turns]), (numbers, places, tf))


def textbook_bm25(documents: list[Document]) -> list[float]:
    """Return BM25 of each document, divided by the best score. All are 0 if no term occurs."""
    mean_length = sum(length for length, _ in documents) / len(documents)
    holding: dict[str, int] = defaultdict(int)
    for _, counts in documents:
        for term, count in counts.items():
            holding[term] += count > 0
    scores: list[float] = []
    for length, counts in documents:
        score = 0.0
        for term, tf in counts.items():
            if tf > 0:
                idf = log(1 + (len(documents) - holding[term] + 0.5) / (holding[term] + 0.5))
                score += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * length / mean_length))
        scores.append(score)
    best = max(scores)
    return [score / best if best else 0.0 for score in scores]


def as_turns(turns: list[Turn], query: str) -> list[Document]:
    """Return each turn as a document."""
    return [(len(turn.words), {term: turn.words.count(term) for term in query}) for turn in turns]


def with_neighbours(turns: list[Turn], query: str) -> list[Document]:
    """Return each turn plus half of its direct neighbours in its session and a fifth of its second ones."""
    alone = as_turns(turns, query)
    documents: list[Document] = []
    for place, turn in enumerate(turns):
        length, counts = 0.0, dict.fromkeys(query, 0.0)
        session = [other for other in range(len(turns)) if turns[other].session == turn.session]
        for distance, share in ((-2, 0.2), (-1, 0.5), (0, 1.0), (1, 0.5), (2, 0.2)):
            at = session.index(place) + distance
            if 0 <= at < len(session):
                other = session[at]
                length += share * alone[other][0]
                for term in query:
                    counts[term] += share * alone[other][1][term]
        documents.append((length, counts))
    return documents


def as_sessions(turns: list[Turn], query: str) -> dict[str | None, Document]:
    """Return each session as one document."""
    texts: dict[str | None, str] = defaultdict(str)
    for turn in turns:
        texts[turn.session] += turn.words
    return {name: (len(words), {term: words.count(term) for term in query}) for name, words in texts.items()}


def textbook(turns: list[Turn], query: str = "abc") -> LexicalScores:
    """Return the expected scores."""
    sessions = as_sessions(turns, query)
    of_session = dict(zip(sessions, textbook_bm25(list(sessions.values())), strict=True))
    return LexicalScores(
        bm25=np.array(textbook_bm25(as_turns(turns, query))),
        contextual=np.array(textbook_bm25(with_neighbours(turns, query))),
        sessions=np.array([of_session[turn.session] for turn in turns]),
    )


def assert_same(found: LexicalScores, wanted: LexicalScores) -> None:
    """Compare scores. The tolerance covers sums that are rounded in another order."""
    np.testing.assert_allclose(found.bm25, wanted.bm25, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.contextual, wanted.contextual, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.sessions, wanted.sessions, rtol=1e-9, atol=1e-12)


turns_of_a_scope = st.lists(
    st.builds(
        Turn,
        words=st.text("abcxyz", min_size=1, max_size=12),
        session=st.sampled_from(["first", "second", "third", None]),
    ),
    min_size=1,
    max_size=25,
)


@given(turns_of_a_scope)
@example([Turn("a")])
@example([Turn("a"), Turn("a")])
@example([Turn("xaab", "f"), Turn("x", "f"), Turn("bb", "s"), Turn("c", "f"), Turn("xyz", None), Turn("a", None)])
def test_scores_equal_textbook_bm25(turns: list[Turn]) -> None:
    """Each of the three scores is plain BM25 over its own documents, also for interleaved or missing sessions."""
    outline = outline_of(turns)
    found, places = lexical_scores(outline), outline.in_stream_order
    in_order = LexicalScores(found.bm25[places], found.contextual[places], found.sessions[places])
    assert_same(in_order, textbook(turns))


@given(turns_of_a_scope)
def test_scores_are_relative_to_the_best(turns: list[Turn]) -> None:
    """Scores are in 0..1, and the best turn has 1. All are 0 if no term occurs."""
    scores = lexical_scores(outline_of(turns))
    occurs = any(set(turn.words) & set("abc") for turn in turns)
    for values in (scores.bm25, scores.contextual, scores.sessions):
        assert values.shape == (len(turns),)
        assert values.min() >= 0
        assert values.max() == pytest.approx(1 if occurs else 0)


def test_an_empty_scope_has_no_scores() -> None:
    """The arrays are empty, and nothing raises."""
    scores = lexical_scores(outline_of([]))
    assert [len(values) for values in (scores.bm25, scores.contextual, scores.sessions)] == [0, 0, 0]


def test_a_query_without_a_known_term_gives_0() -> None:
    """A query of stop words, punctuation or unknown words gives every turn 0."""
    turns = [Turn("ab"), Turn("xy")]
    for query in ("", "z"):
        scores = lexical_scores(outline_of(turns, query))
        assert [values.tolist() for values in (scores.bm25, scores.contextual, scores.sessions)] == [[0, 0]] * 3


def test_the_only_turn_of_a_scope_scores_1() -> None:
    """The idf of a single document is small but positive, so the turn is the best one."""
    scores = lexical_scores(outline_of([Turn("xxa")]))
    assert [float(values[0]) for values in (scores.bm25, scores.contextual, scores.sessions)] == [1, 1, 1]


def test_turns_of_punctuation_have_length_0() -> None:
    """If no turn has any term, the mean length is 0, and no score is NaN."""
    scores = lexical_scores(outline_of([Turn(""), Turn("")]))
    assert scores.bm25.tolist() == [0, 0]


def test_an_occurrence_outside_the_outline_is_ignored() -> None:
    """Postings of a giant scope reach further back than its outline. Terms that only occur there are dropped."""
    outline = Outline.build(([20, 30], [1, 1], [3, 3]), ([1, 2, 2], [10, 20, 25], [5, 1, 1]))
    assert (outline.term_count, outline.term_numbers.tolist(), outline.term_places.tolist()) == (1, [0], [0])
    assert lexical_scores(outline).bm25.tolist() == [1, 0]
