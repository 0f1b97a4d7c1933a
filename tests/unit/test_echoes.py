"""Echoes: turns that repeat the query's question, and refusals to answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_consumers.recall.ranking import refusals
from eunoe_consumers.recall.ranking.echoes import is_repeated_question
from eunoe_consumers.recall.ranking.questions import Topic

QUERY = "What is the door code?"
LONG_REFUSAL = (
    "I'm sorry, but I don't have any information about the door code. You haven't shared it with me so far. If you "
    "tell me the code, I can remember it for you. You could also ask your landlord. Can I do anything else for you?"
)


def is_refusal(text: str, query: str = QUERY, *, by_assistant: bool = True) -> bool:
    """Return whether one text is a refusal."""
    return refusals.is_refusal(text, Topic(query), by_assistant=by_assistant)


def is_repeated(text: str, query: str = QUERY, *, refused: bool = False) -> bool:
    """Return whether one text repeats the question."""
    return is_repeated_question(text, Topic(query), was_refused=refused)


@pytest.mark.parametrize(
    "text",
    [
        "I don't know the door code yet.",
        "I don\u2019t know.",
        "You haven't told me the code for the door.",
        "Unfortunately, the door code isn't something I know.",
        "I have no information about a door code.",
        "I'm not sure what the door code is, sorry.",
        "There is no record of a door code in my notes.",
        "The door code hasn't been mentioned so far.",
        "I've looked through everything you've told me, but I couldn't find the door code.",
        "I'd need you to tell me the door code first.",
        LONG_REFUSAL,
        "Das wei\u00df ich leider noch nicht.",
        "Dazu habe ich keine Informationen.",
        "Je ne connais pas encore le code de la porte.",
        "Je n'ai pas cette information.",
        "Todav\u00eda no s\u00e9 el c\u00f3digo de la puerta.",
        "No tengo esa informaci\u00f3n.",
        "N\u00e3o sei o c\u00f3digo da porta.",
        "Non lo so.",
        "Dat weet ik niet.",
        "\u77e5\u308a\u307e\u305b\u3093\u3002",
        "\u6211\u4e0d\u77e5\u9053\u3002",
    ],
)
def test_an_assistants_refusal_is_recognised(text: str) -> None:
    """Short or long, with apologies and offers, in several languages."""
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "The door code is 4711.",
        "I don't know why you ask, but the door code is 4711.",
        "I don't know the door code, but Anna has it.",
        "I don't have a car.",
        "You told me that the door code is sunflower.",
        "I can't stand the heat.",
        "No, the meeting is on Monday.",
        "I don't have any details about your lease. Landlords usually print the code on the contract itself.",
        "x" * 3_000 + " I don't know.",
    ],
)
def test_a_text_with_an_answer_is_no_refusal(text: str) -> None:
    """A new number, a name, or anything else about the topic is kept."""
    assert not is_refusal(text)


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("No idea, sorry.", True),
        ("I don't know the door code either", True),
        ("I don't have the ticket.", False),
        ("I haven't told anybody.", False),
        (
            "I've never met Michael, and I'm not sure why that matters, but can you help me with a statement on it?",
            False,
        ),
    ],
)
def test_a_person_refuses_in_few_words(text: str, refuses: bool) -> None:  # noqa: FBT001 - a column of the table
    """What a person does not have may be the answer. A person who says more says something else, too."""
    assert is_refusal(text, by_assistant=False) is refuses


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (QUERY, "What is the door code?"),
        (QUERY, "what is the door code"),
        (QUERY, "Hey, can you please tell me the door code again?"),
        (QUERY, "anyone know the door code"),
        (QUERY, "Do you remember the code of the door?"),
        ("Tell me the code of the door.", "Door code?"),
        ("Wie lautet der T\u00fcrcode?", "Kannst du mir sagen, wie der T\u00fcrcode lautet?"),
        ("Quel est le code de la porte ?", "C'est quoi, le code de la porte ?"),
        ("\u00bfCu\u00e1l es el c\u00f3digo de la puerta?", "\u00bfPuedes decir el c\u00f3digo?".replace("decir ", "")),
    ],
)
def test_a_question_without_news_repeats_the_query(query: str, text: str) -> None:
    """With or without a question mark. Its words about the topic are those of the query."""
    assert is_repeated(text, query)


@pytest.mark.parametrize(
    "text",
    [
        "The door code is 4711.",
        "Is the door code 4711?",
        "Did the landlord change the door code?",
        "I moved to Graz. What is the door code?",
        "The door code.",
        "I like the door.",
    ],
)
def test_a_text_with_news_does_not_repeat_the_query(text: str) -> None:
    """A statement, or a question that brings a new word."""
    assert not is_repeated(text)


def test_a_question_before_a_refusal_holds_no_answer() -> None:
    """In any words, and as few words without a question mark. A new number or a statement stays."""
    for text in (
        "Which combination opens the entrance?",
        "door code please",
        "the code of my door please",
        "Entrance?",
    ):
        assert not is_repeated(text)
        assert is_repeated(text, refused=True)
    assert not is_repeated("Is it 4711?", refused=True)
    assert not is_repeated("My sister Anna moved to Lisbon last week.", refused=True)


def test_an_answer_with_the_words_of_the_query_is_no_echo() -> None:
    """Such an answer brings no new word: "I like coffee." for "Do I like coffee?"."""
    assert not is_repeated("I like coffee.", "Do I like coffee?")
    assert not is_repeated("I like coffee.", "I like coffee.")


@given(st.text(), st.text())
def test_no_text_raises(query: str, text: str) -> None:
    """Any Unicode text is read."""
    is_refusal(text, query)
    is_repeated(text, query, refused=True)
