"""Messages that say the same: the same words, by the same speaker, on the same day."""

from datetime import UTC, datetime, timedelta, timezone
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_consumers.recall.duplicates import message_key, rough_key, text_key
from eunoe_tests.candidates import candidate_of

LONG = (
    "After a long talk with the office manager we decided that dogs are from now on {} in the open office on Fridays."
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Graz.", "I live in Graz."),
        ("I live in Graz.", "i  LIVE in\nGraz!"),
        ("Hello, there", "hello there"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u00fcber", "u\u0308ber"),
        ("\uff47\uff52\uff41\uff5a", "Graz"),
        ("!!!", " !!! "),
        ("", "  "),
        (LONG, LONG.upper()),
        (LONG * 30, LONG * 30),
    ],
)
def test_texts_of_the_same_words_are_the_same(one: str, other: str) -> None:
    """Case, encoding, punctuation around words and white space do not matter."""
    assert text_key(one) == text_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I live in Graz.", "I live in Bonn."),
        ("You live in Graz.", "You live in Graz?"),
        ("Anna loves Ben.", "Ben loves Anna."),
        ("ok", "ok ok"),
        ("!!!", "???"),
        ("Well done \U0001f44d", "Well done \U0001f44e"),
        ("", "."),
        ("My number is 12.", "My number is 13."),
        ("It is -5 degrees.", "It is 5 degrees."),
        ("It costs 1.5 euros", "It costs 15 euros"),
        ("I learn C++.", "I learn C#."),
        ("The password is kX9aBq.", "The password is Kx9AbQ."),
        (LONG.format("allowed"), LONG.format("forbidden")),
        (LONG.format("allowed"), LONG.format("not allowed")),
        (LONG.format("allowed") * 30, LONG.format("allowed") * 29 + LONG.format("banned")),
    ],
)
def test_texts_with_any_other_word_are_different(one: str, other: str) -> None:
    """A name, an order, a sign, a number, a negation or a password: however long the texts are."""
    assert text_key(one) != text_key(other)


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"created_at": datetime(2024, 5, 7, 23, 59, tzinfo=UTC)}, True),
        ({"session_id": "other"}, True),
        ({"created_at": datetime(2024, 5, 8, 0, 1, tzinfo=UTC)}, False),
        ({"occurred_at": datetime(2024, 5, 6, 12, tzinfo=UTC)}, False),
        ({"occurred_at": datetime(2024, 5, 8, 1, tzinfo=timezone(timedelta(hours=2)))}, False),
        ({"speaker": "Ben"}, False),
        ({"role": "user"}, False),
    ],
)
def test_another_day_speaker_or_role_makes_another_message(fields: dict[str, Any], same: bool) -> None:  # noqa: FBT001 - a column of the table
    """The day is that of the message, in its own time zone. The session does not matter."""
    one, other = candidate_of(1, content="Took my pill."), candidate_of(2, content="took my pill", **fields)
    assert (message_key(one) == message_key(other)) is same


@given(st.text())
def test_any_text_has_a_key(text: str) -> None:
    """No Unicode text raises, and white space around it does not matter."""
    assert text_key(text) == text_key(text)
    assert hash(text_key(text)) == hash(text_key(text))


# Few words in many spellings, so that two texts are often the same.
_SPELLINGS = st.lists(
    st.sampled_from(
        [
            "I",
            "i",
            "don't",
            "DON\u2019T",
            "live",
            "-",
            "!?",
            "\uff29",
            "\u00dc",
            "u\u0308",
            "$5",
            "kX9",
            "\U0001f600",
            "\u732b",
        ]
    ),
    max_size=4,
).map(lambda words: " ".join(words) + "!")


@given(_SPELLINGS, _SPELLINGS)
def test_messages_that_say_the_same_begin_alike(one: str, other: str) -> None:
    """The rough key decides which messages are compared, so it must not tell equal ones apart."""
    first, second = candidate_of(1, content=one), candidate_of(2, content=other)
    if message_key(first) == message_key(second):
        assert rough_key(first) == rough_key(second)


def test_hundreds_of_long_texts_are_compared_quickly() -> None:
    """Other requests of the process wait during the comparison. The limit is processor time."""
    started = process_time()
    for length in (1_900, 32_768):
        assert len({text_key("x1 " * (length // 3) + str(number)) for number in range(300)}) == 300
    assert process_time() - started < 2
