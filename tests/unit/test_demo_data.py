"""The demo's sample data supports what the demo shows and checks."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

from eunoe_consumers.demo.sample import load_sample
from eunoe_schema.events import MessageEvent

_SAMPLE = load_sample(UUID(int=1))
_WINDOW_MESSAGES = 20


def test_the_conversation_is_large_ordered_and_without_doubles() -> None:
    """200 messages or more, of two users in several sessions, in the order of their times, none said twice."""
    sessions: defaultdict[str, list[MessageEvent]] = defaultdict(list)
    for event in _SAMPLE.events:
        sessions[str(event.session_id)].append(event)
        assert event.occurred_at is not None
        assert event.occurred_at.utcoffset() == timedelta(0)
        assert event.event_id.startswith(f"{event.user_id}-")
        assert str(event.session_id).startswith(f"{event.user_id}-s")
        assert event.speaker == ("Virgil" if event.role == "assistant" else event.user_id.title())
        assert event.content == event.content.strip()
        assert 1 <= len(event.content) <= 600
    assert len(_SAMPLE.events) >= 200
    assert {session[0].user_id for session in sessions.values()} == {"ada", "ben"}
    assert sum(name.startswith("ada-") for name in sessions) >= 8
    assert sum(name.startswith("ben-") for name in sessions) >= 3
    for name, session in sessions.items():
        assert len({event.user_id for event in session}) == 1, name
        times = [event.occurred_at for event in session if event.occurred_at]
        assert all(earlier < later for earlier, later in pairwise(times)), name
    times = [event.occurred_at for event in _SAMPLE.events if event.occurred_at]
    assert times == sorted(times)
    for values in ([event.event_id for event in _SAMPLE.events], [event.content for event in _SAMPLE.events]):
        assert len(values) == len(set(values))


def test_only_a_search_of_the_past_answers_the_questions() -> None:
    """Six questions with evidence in six of Ada's sessions, outside her window; forbidden words are hers alone."""
    ada = [event for event in _SAMPLE.events if event.user_id == "ada"]
    session_of = {event.event_id: event.session_id for event in ada}
    said = {
        user: " ".join(e.content.casefold() for e in _SAMPLE.events if e.user_id == user) for user in ("ada", "ben")
    }
    in_window = {event.event_id for event in ada[-_WINDOW_MESSAGES:]}
    assert len({question.question for question in _SAMPLE.questions}) == len(_SAMPLE.questions) == 6
    for question in _SAMPLE.questions:
        assert question.answer
        assert question.evidence
        assert set(question.evidence) <= session_of.keys() - in_window, question.question
    evidence_sessions = {session_of[question.evidence[0]] for question in _SAMPLE.questions}
    assert len(evidence_sessions) == 6
    assert ada[-1].session_id not in evidence_sessions
    isolation = _SAMPLE.isolation
    for asked in (*(question.question for question in _SAMPLE.questions), isolation.question):
        assert not any(asked.casefold() in text for text in said.values()), asked
    assert isolation.user_id == "ben"
    assert isolation.forbidden_words
    for word in isolation.forbidden_words:
        assert word.casefold() in said["ada"]
        assert word.casefold() not in said["ben"]
