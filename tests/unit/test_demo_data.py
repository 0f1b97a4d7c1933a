"""What the demo's sample data promises to the demo, to its reader and to the test that runs it."""

from collections import defaultdict
from datetime import datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

WINDOW_MESSAGES = 20
CONTENT_CHARACTERS = 600

Text = Annotated[str, Field(min_length=1)]


class Message(BaseModel):
    """One line of conversation.jsonl."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_id: Text
    user_id: Text
    session_id: Text
    role: Literal["user", "assistant"]
    speaker: Text
    content: Text
    occurred_at: datetime


class Question(BaseModel):
    """One question asked as Ada, with the turns that answer it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Text
    evidence: Annotated[list[str], Field(min_length=1)]
    answer: Text


class Isolation(BaseModel):
    """One question asked as another user, with the words that only a leak could bring up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: Text
    question: Text
    forbidden_words: Annotated[list[str], Field(min_length=1)]


class Questions(BaseModel):
    """The whole of questions.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    questions: list[Question]
    isolation: Isolation


def read_text(name: str) -> str:
    """Read one file of the demo package, the way the demo does."""
    return files("eunoe_consumers.demo").joinpath(name).read_text(encoding="utf-8")


def by_session(messages: list[Message]) -> dict[str, list[Message]]:
    """Group messages by session, in the file's order."""
    sessions: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        sessions[message.session_id].append(message)
    return dict(sessions)


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    """Every message of the file; an unknown, missing or empty field fails here."""
    return [Message.model_validate_json(line) for line in read_text("conversation.jsonl").splitlines()]


@pytest.fixture(scope="module")
def questions() -> Questions:
    """The questions and the isolation check."""
    return Questions.model_validate_json(read_text("questions.json"))


@pytest.fixture(scope="module")
def of_ada(messages: list[Message]) -> list[Message]:
    """All turns of Ada's conversation, Virgil's included."""
    return [message for message in messages if message.user_id == "ada"]


def test_there_is_enough_to_search(messages: list[Message]) -> None:
    """At least 200 messages, so that a right answer is found and not merely left over."""
    assert len(messages) >= 200


def test_two_users_with_several_sessions_each(messages: list[Message]) -> None:
    """Two users talk to the agent, each in several sessions."""
    sessions = {user_id: {m.session_id for m in messages if m.user_id == user_id} for user_id in ("ada", "ben")}
    assert {message.user_id for message in messages} == sessions.keys()
    assert len(sessions["ada"]) >= 8
    assert len(sessions["ben"]) >= 3


def test_a_session_belongs_to_one_user(messages: list[Message]) -> None:
    """No session is shared by two users."""
    for session in by_session(messages).values():
        assert len({message.user_id for message in session}) == 1


def test_event_ids_are_unique(messages: list[Message]) -> None:
    """Every message has its own event id, so that publishing the file twice stores it once."""
    event_ids = [message.event_id for message in messages]
    assert len(event_ids) == len(set(event_ids))


def test_event_ids_begin_with_their_user(messages: list[Message]) -> None:
    """Event and session ids show whose they are, so that a leak is visible to the eye."""
    for message in messages:
        assert message.event_id.startswith(f"{message.user_id}-")
        assert message.session_id.startswith(f"{message.user_id}-s")


def test_speakers_fit_their_roles(messages: list[Message]) -> None:
    """The assistant is always Virgil, and a user always speaks under their own name."""
    for message in messages:
        assert message.speaker == ("Virgil" if message.role == "assistant" else message.user_id.title())


def test_contents_are_short_and_trimmed(messages: list[Message]) -> None:
    """A content has 1 to 600 characters and no space around it."""
    for message in messages:
        assert 1 <= len(message.content) <= CONTENT_CHARACTERS
        assert message.content == message.content.strip()


def test_no_content_is_said_twice(messages: list[Message]) -> None:
    """No two messages have the same content: a recall that repeats itself is then a fault of the code."""
    contents = [message.content for message in messages]
    assert len(contents) == len(set(contents))


def test_times_are_utc(messages: list[Message]) -> None:
    """Every time carries its zone, and the zone is UTC."""
    for message in messages:
        assert message.occurred_at.utcoffset() == timedelta(0)


def test_times_ascend_within_a_session(messages: list[Message]) -> None:
    """Within a session each message comes after the one before it, so that order by time is the spoken order."""
    for session in by_session(messages).values():
        for earlier, later in pairwise(session):
            assert earlier.occurred_at < later.occurred_at


def test_the_file_is_in_order_of_time(messages: list[Message]) -> None:
    """The lines follow time, so that publishing them from top to bottom replays what happened."""
    times = [message.occurred_at for message in messages]
    assert times == sorted(times)


def test_there_are_six_questions(questions: Questions) -> None:
    """Six questions, no two alike."""
    assert len({question.question for question in questions.questions}) == 6
    assert len(questions.questions) == 6


def test_evidence_is_in_adas_conversation(questions: Questions, of_ada: list[Message]) -> None:
    """Every evidence turn exists and is one of Ada's."""
    event_ids = {message.event_id for message in of_ada}
    for question in questions.questions:
        assert set(question.evidence) <= event_ids


def test_evidence_is_outside_the_window(questions: Questions, of_ada: list[Message]) -> None:
    """No evidence is among Ada's last 20 messages: only a search of the past can answer."""
    in_window = {message.event_id for message in of_ada[-WINDOW_MESSAGES:]}
    for question in questions.questions:
        assert in_window.isdisjoint(question.evidence)


def test_each_question_looks_into_another_session(questions: Questions, of_ada: list[Message]) -> None:
    """The six questions reach into six sessions, none of them the last."""
    session_of = {message.event_id: message.session_id for message in of_ada}
    sessions = {session_of[question.evidence[0]] for question in questions.questions}
    assert len(sessions) == 6
    assert of_ada[-1].session_id not in sessions


def test_no_question_was_asked_before(questions: Questions, messages: list[Message]) -> None:
    """No question stands in the conversation word for word: recall has to find the answer, not the question."""
    said = " ".join(message.content.casefold() for message in messages)
    for question in [*questions.questions, questions.isolation]:
        assert question.question.casefold() not in said


def test_forbidden_words_are_adas_alone(questions: Questions, messages: list[Message]) -> None:
    """Each forbidden word is in Ada's conversation and in none of Ben's messages, so that seeing it proves a leak."""
    isolation = questions.isolation
    assert isolation.user_id == "ben"
    own = " ".join(message.content.casefold() for message in messages if message.user_id == isolation.user_id)
    foreign = " ".join(message.content.casefold() for message in messages if message.user_id == "ada")
    for word in isolation.forbidden_words:
        assert word.casefold() in foreign
        assert word.casefold() not in own
