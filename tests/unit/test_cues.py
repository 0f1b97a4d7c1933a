"""What a text says of itself: that it asks, and that it names a time."""

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
def test_a_question_ends_with_its_mark(content: str) -> None:
    """In any script that has one, whatever closes behind it, and before a note in brackets."""
    assert is_question(content)


@pytest.mark.parametrize(
    "content", ["", "I live in Graz.", "Why? Because.", "What? [photo] Nice.", "; \u03ba\u03b1\u03b9", "? [a] [b]"]
)
def test_a_text_that_goes_on_after_its_question_is_none(content: str) -> None:
    """It may hold the answer."""
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
def test_a_query_that_asks_when_is_known(query: str, asks: bool) -> None:  # noqa: FBT001 - a column of the table
    """By whole words, in any case."""
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
        ("It may rain.", False),  # and not the month, which comes rarely
        ("Call 20199.", False),
        ("Weekday plans", False),
        ("x" * 800 + " yesterday", False),
        ("", False),
    ],
)
def test_a_text_that_names_a_time_is_known(content: str, names: bool) -> None:  # noqa: FBT001 - a column of the table
    """By whole words in its first 800 characters: what comes later hardly answers when."""
    assert names_time(content) is names


@given(st.text())
def test_any_text_has_its_cues(text: str) -> None:
    """Nothing raises, whatever Unicode holds; blanks behind a text make no difference."""
    names_time(text)
    asks_for_time(text)
    assert is_question(text + "?  ")


def test_a_text_of_marks_alone_is_soon_read() -> None:
    """However many begin what might be the end of a question: each request looks at hundreds of texts."""
    started = process_time()
    for text in ("?" * 100_000, "? [" * 50_000, "?" + " " * 100_000 + "x", "last " * 50_000):
        is_question(text)
        names_time(text)
        asks_for_time(text)
    assert process_time() - started < 5
