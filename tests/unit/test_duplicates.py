"""Texts that say the same: told apart by what matters, and quickly."""

from collections import Counter
from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_consumers.recall.duplicates import SeenTexts

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
LONG = " ".join(WORDS)  # of 20 words, the fewest that are compared by their share


def both_new(one: str, other: str) -> bool:
    """Tell whether two texts both come back; in either order, for what is first must make no difference."""
    answers: set[bool] = set()
    for texts in ((one, other), (other, one)):
        seen = SeenTexts()
        assert seen.add(texts[0]), "the first is always new"
        answers.add(seen.add(texts[1]))
    (answer,) = answers
    return answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Graz.", "I live in Graz."),
        ("I live in Graz.", "i  LIVE in\nGraz!"),
        ("Straße", "STRASSE"),
        ("\u00fcber", "u\u0308ber"),
        ("\uff47\uff52\uff41\uff5a", "Graz"),
        ("!!!", " !!! "),
        ("", "  "),
        (LONG, LONG.upper()),
        (LONG, " ".join(reversed(WORDS))),
        (LONG, LONG + " wordu wordv"),
        (LONG, LONG.replace("worda", "wordz")),
    ],
)
def test_texts_of_the_same_words_are_the_same(one: str, other: str) -> None:
    """Case, encoding, punctuation and blanks do not count; in a long text, one word of ten and the order neither."""
    assert not both_new(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Graz.", "I live in Bonn."),
        ("Anna loves Ben.", "Ben loves Anna."),
        ("ok", "ok ok"),
        ("!!!", "???"),
        ("\u2764", "\U0001f44d"),
        ("", "."),
        ("My number is 12.", "My number is 13."),
        (f"{LONG} 12", f"{LONG} 13"),
        (f"{LONG} 12", LONG),
        (f"{LONG} 12", f"{LONG} 12 12"),
        (f"{LONG} \u0661", f"{LONG} \u0662"),
        (LONG, LONG + " wordu wordv wordw"),
        (LONG, LONG.replace("worda", "wordy").replace("wordb", "wordz")),
        (LONG.removesuffix(" wordt"), LONG.replace("wordt", "wordz")),
    ],
)
def test_texts_that_differ_in_what_matters_both_come(one: str, other: str) -> None:
    """A name, an order, a sign, any number; in a long text, more than one word of ten."""
    assert both_new(one, other)


def test_each_text_is_compared_to_all_before() -> None:
    """Not only to the last: the third time is a repetition, too, and what was left out is nothing to compare to."""
    seen = SeenTexts()
    assert [seen.add(text) for text in ("one", "two", LONG, "one", "two", LONG + " more")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


few_words = st.lists(st.sampled_from([*WORDS, "7", "8"]), min_size=15, max_size=45)


@given(few_words, few_words)
def test_long_texts_are_compared_by_the_jaccard_index(one: list[str], other: list[str]) -> None:
    """Nine words in ten of all that both hold, repeated ones counted, and every number."""
    first, second = Counter(one), Counter(other)
    common, either = (first & second).total(), (first | second).total()
    same_numbers = all(first[number] == second[number] for number in "78")
    is_long = len(one) >= 20 and len(other) >= 20
    alike = one == other or (is_long and same_numbers and 10 * common >= 9 * either)
    assert both_new(" ".join(one), " ".join(other)) is not alike


@given(st.text(), st.text())
def test_any_text_is_taken_and_known_again(one: str, other: str) -> None:
    """Whatever Unicode holds."""
    seen = SeenTexts()
    assert seen.add(one)
    seen.add(other)
    assert not seen.add(one)
    assert not seen.add(other)


def test_a_hundred_of_the_longest_texts_hold_nobody_up() -> None:
    """All requests of a process wait while one's turns are compared: each pair of different texts is soon told apart.

    Counting all that two of them share, for each of 4,950 pairs, took most of a minute; the bound is of processor time.
    """
    dice = Random(1)  # noqa: S311 - the same texts in each run
    texts = [" ".join(f"w{dice.randrange(20_000)}" for _ in range(5_000)) for _ in range(100)]
    seen, started = SeenTexts(), process_time()
    assert all(seen.add(text) for text in texts)
    assert process_time() - started < 10
