"""Which age a query asks for, and how far that moves the scores."""

from datetime import UTC, datetime, timedelta
from time import process_time

import numpy as np
import pytest

from eunoe_consumers.recall.ranking.newness import Age, by_age, wanted_age


@pytest.mark.parametrize(
    ("query", "age"),
    [
        ("What is my phone number now?", Age.NEWEST),
        ("What's my current address?", Age.NEWEST),
        ("Do I still work there?", Age.NEWEST),
        ("Who is my manager at the moment?", Age.NEWEST),
        ("When did I last take my pill?", Age.NEWEST),
        ("What was the last book that I read?", Age.NEWEST),
        ("Wo wohne ich jetzt?", Age.NEWEST),
        ("O\u00f9 est-ce que j'habite actuellement ?", Age.NEWEST),
        ("\u00bfD\u00f3nde vivo ahora?", Age.NEWEST),
        ("Onde moro atualmente?", Age.NEWEST),
        ("Dove abito adesso?", Age.NEWEST),
        ("Waar woon ik nu?", Age.NEWEST),
        ("\u6211\u73b0\u5728\u4f4f\u5728\u54ea\u91cc\uff1f", Age.NEWEST),
        ("Where did I live originally?", Age.OLDEST),
        ("What was my first phone number?", Age.OLDEST),
        ("Where did I live before?", Age.PAST),
        ("What was my old number?", Age.PAST),
        ("Where did I live before my current flat?", Age.PAST),
        ("Wo habe ich fr\u00fcher gewohnt?", Age.PAST),
        ("Where do I live?", Age.ANY),
        ("What did I do last week?", Age.ANY),
        ("What is my last name?", Age.ANY),
        ("What is my first name?", Age.ANY),
        ("What did Anna do recently?", Age.ANY),
        ("", Age.ANY),
    ],
)
def test_the_words_of_a_query_say_which_age_it_asks_for(query: str, age: Age) -> None:
    """Words for the present ask for the newest. Words for the past win. "Last week" and names do not count."""
    assert wanted_age(query) is age


def moved(age: Age, scores: list[float], cosines: list[float]) -> list[float]:
    """Return the scores after the move. Each turn is a day newer than the one before."""
    start = datetime(2024, 5, 7, tzinfo=UTC)
    moments = [(start + timedelta(days=day), day) for day in range(len(scores))]
    moves = by_age(age, np.array(scores), np.array(cosines), moments)
    return (np.array(scores) + moves).tolist()


def test_turns_that_are_about_as_near_exchange_their_scores() -> None:
    """The newest gets the best score, or the oldest does. A word for the past moves nothing."""
    scores, cosines = [1.6, 1.5, 1.4], [0.71, 0.76, 0.74]
    assert moved(Age.NEWEST, scores, cosines) == pytest.approx([1.4, 1.5, 1.6])
    assert moved(Age.OLDEST, [1.4, 1.5, 1.6], cosines) == pytest.approx([1.6, 1.5, 1.4])
    assert moved(Age.PAST, scores, cosines) == scores
    assert moved(Age.ANY, scores, cosines) == pytest.approx([1.5, 1.5, 1.5], abs=0.11)


def test_a_turn_that_is_less_near_moves_less_or_not_at_all() -> None:
    """A far turn, or one with a much lower score, keeps its score. One between moves a part of the way."""
    assert moved(Age.NEWEST, [1.6, 1.2], [0.8, 0.4]) == [1.6, 1.2]
    assert moved(Age.NEWEST, [1.6, 0.3], [0.8, 0.8]) == [1.6, 0.3]
    older, newer = moved(Age.NEWEST, [1.6, 1.2], [0.8, 0.54])
    assert (older, 1.2 < newer < 1.6) == (pytest.approx(1.2), True)
    assert moved(Age.NEWEST, [1.6, 1.5], [0.8, -1]) == [1.6, 1.5], "a turn that must not move"


def test_without_a_word_for_a_time_only_near_ties_move() -> None:
    """Of nearly equal turns, the newest is first."""
    assert moved(Age.ANY, [1.6, 1.5], [0.8, 0.79]) == pytest.approx([1.5, 1.6])
    assert moved(Age.ANY, [1.6, 1.4], [0.8, 0.79]) == [1.6, 1.4]
    assert moved(Age.ANY, [1.6, 1.5], [0.8, 0.7]) == [1.6, 1.5]


def test_repeated_texts_count_as_one_of_the_nearest() -> None:
    """Of a hundred equal texts, the newest comes first; of a hundred different ones, only the best few move."""
    scores = [2.0 - number / 1_000 for number in range(100)]
    assert np.argmax(moved(Age.NEWEST, scores, [0.5] * 100)) == 99
    different = [0.5 + number / 1_000 for number in range(100)]
    assert moved(Age.NEWEST, scores, different)[8:] == scores[8:]


def test_long_queries_are_read_quickly() -> None:
    """The patterns must not backtrack. The limit is processor time."""
    started = process_time()
    for text in ("my " * 10_000, "last " * 5_000, "i " * 5_000 + "last"):
        wanted_age(text)
    assert process_time() - started < 2
