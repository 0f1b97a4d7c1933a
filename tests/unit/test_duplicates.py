"""Near duplicates among the turns of a reply: recognised by their words, and quickly."""

from collections import Counter
from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_consumers.recall.duplicates import SeenTexts

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
LONG = " ".join(WORDS)  # 20 words: shorter texts must have the same words in the same order


def are_different(one: str, other: str) -> bool:
    """Return whether two texts count as different. The order of the two must not matter."""
    answers: set[bool] = set()
    for texts in ((one, other), (other, one)):
        seen = SeenTexts()
        assert seen.add(texts[0]), "the first text is never a duplicate"
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
def test_texts_of_the_same_words_are_duplicates(one: str, other: str) -> None:
    """Case, encoding, punctuation and white space do not matter. Long texts may differ in order and one word of ten."""
    assert not are_different(one, other)


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
def test_texts_with_an_important_difference_are_not_duplicates(one: str, other: str) -> None:
    """A name, the order of a short text, a symbol, any number, or more than one word of ten in a long text."""
    assert are_different(one, other)


def test_each_text_is_compared_with_all_earlier_ones() -> None:
    """A duplicate is found at any distance. A duplicate itself is not kept for later comparisons."""
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
    """Duplicates share nine tenths of all their words, repeated words included, and every number."""
    first, second = Counter(one), Counter(other)
    common, either = (first & second).total(), (first | second).total()
    same_numbers = all(first[number] == second[number] for number in "78")
    is_long = len(one) >= 20 and len(other) >= 20
    alike = one == other or (is_long and same_numbers and 10 * common >= 9 * either)
    assert are_different(" ".join(one), " ".join(other)) is not alike


@given(st.text(), st.text())
def test_any_text_is_recognised_when_it_comes_again(one: str, other: str) -> None:
    """No Unicode text raises, or is missed the second time."""
    seen = SeenTexts()
    assert seen.add(one)
    seen.add(other)
    assert not seen.add(one)
    assert not seen.add(other)


def test_a_hundred_of_the_longest_texts_are_compared_quickly() -> None:
    """Other requests of the process wait during the comparison, so it stops at the first certain difference.

    Counting the common words of all 4,950 pairs took most of a minute. The limit is processor time.
    """
    dice = Random(1)  # noqa: S311 - the same texts in each run
    texts = [" ".join(f"w{dice.randrange(20_000)}" for _ in range(5_000)) for _ in range(100)]
    seen, started = SeenTexts(), process_time()
    assert all(seen.add(text) for text in texts)
    assert process_time() - started < 10
