"""Cues in a text: it is a question, it asks for a time, it names a time."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_consumers.recall.ranking.cues import asks_for_time, is_question, names_time


@pytest.mark.parametrize(
    "content",
    [
        "Where do you live?",
        "I see. And you?  \n",
        'He asked: "Where?"',
        "(Or is it?)",
        "Really?!?",
        "\u0623\u064a\u0646 \u062a\u0633\u0643\u0646\u061f",
        "\u4f60\u4f4f\u5728\u54ea\u91cc\uff1f",
        "\u00abO\u00f9 ?\u00bb",
        "Do you like it? [shares a photo of a cat]",
        "x" * 100_000 + "?",
    ],
)
def test_a_question_ends_with_a_question_mark(content: str) -> None:
    """In any script that has one. Closing marks or a note in square brackets may follow."""
    assert is_question(content)


@pytest.mark.parametrize(
    "content", ["", "I live in Graz.", "Why? Because.", "What? [photo] Nice.", "; \u03ba\u03b1\u03b9", "? [a] [b]"]
)
def test_a_text_that_goes_on_after_a_question_is_no_question(content: str) -> None:
    """The rest of the text may be the answer."""
    assert not is_question(content)


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("When did you move?", True),
        ("WHEN?", True),
        ("What year was it?", True),
        ("How long have you lived there?", True),
        ("Since whenever?", False),
        ("What did you eat?", False),
        ("How longing is he?", False),
        ("", False),
    ],
)
def test_a_query_that_asks_for_a_time_is_recognised(query: str, asks: bool) -> None:  # noqa: FBT001 - a column of the table
    """Whole words count, in upper or lower case."""
    assert asks_for_time(query) is asks


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("We moved last week.", True),
        ("On Monday.", True),
        ("YESTERDAY", True),
        ("It was 2019.", True),
        ("three years ago", True),
        ("in March", True),
        ("We moved to Graz.", False),
        ("It may rain.", False),  # "may" is rarely the month
        ("Call 20199.", False),
        ("Weekday plans", False),
        ("x" * 800 + " yesterday", False),
        ("", False),
    ],
)
def test_a_text_that_names_a_time_is_recognised(content: str, names: bool) -> None:  # noqa: FBT001 - a column of the table
    """Whole words count, in the first 800 characters: a later time hardly answers the query."""
    assert names_time(content) is names


@given(st.text())
def test_no_text_raises(text: str) -> None:
    """Any Unicode text is read, and white space at its end makes no difference."""
    names_time(text)
    asks_for_time(text)
    assert is_question(text + "?  ")


def test_texts_of_punctuation_do_not_slow_down_the_cues() -> None:
    """A text full of question marks must not backtrack: each recall reads hundreds of texts."""
    started = process_time()
    for text in ("?" * 100_000, "? [" * 50_000, "?" + " " * 100_000 + "x", "last " * 50_000):
        is_question(text)
        names_time(text)
        asks_for_time(text)
    assert process_time() - started < 5
