"""Options of a recall that the orchestrator in memory supports."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from eunoe_producers.testing import InMemoryEunoe
from eunoe_schema import Context, InvalidEvent, Scope
from eunoe_tests.events import event_of, scope_of


@pytest.fixture
async def eunoe() -> AsyncIterator[InMemoryEunoe]:
    """A memory of its own."""
    async with InMemoryEunoe() as eunoe:
        yield eunoe


@pytest.fixture
async def ada(eunoe: InMemoryEunoe) -> Scope:
    """A scope with a conversation of two sessions."""
    scope = scope_of(await eunoe.add_tenant())
    said = [("s1", "I like apples."), ("s1", "Which apples do you like most?"), ("s2", "Apples"), ("s1", "Green ones.")]
    for number, (session, content) in enumerate(said):
        await eunoe.gateway.publish(event_of(scope, f"e{number}", content, session_id=session))
    return scope


def turns_of(context: Context) -> list[str]:
    """Return the event ids of a context's turns."""
    return [turn.event_id for turn in context.turns]


async def test_turns_include_neighbours_of_their_session(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """A message of another session is no neighbour, and takes none away."""
    context = await eunoe.orchestrator.recall(ada, "apples", window=0, neighbours=True)
    beside = {
        turn.event_id: (turn.before and turn.before.event_id, turn.after and turn.after.event_id)
        for turn in context.turns
    }
    assert beside == {"e0": (None, "e1"), "e1": ("e0", "e3"), "e2": (None, None), "e3": ("e1", None)}
    plain = await eunoe.orchestrator.recall(ada, "apples", window=0)
    assert [(turn.before, turn.after) for turn in plain.turns] == [(None, None)] * 4


async def test_a_token_budget_cuts_whole_turns(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """A token is a word here. Neighbours count, and `cut` names the dropped turns."""
    context = await eunoe.orchestrator.recall(ada, "apples", window=0, token_budget=5)
    assert turns_of(context) == ["e2", "e0"]
    assert [(found.event_id, found.tokens) for found in context.cut] == [("e1", 6), ("e3", 2)]
    beside = await eunoe.orchestrator.recall(ada, "apples", window=0, token_budget=9, neighbours=True)
    assert turns_of(beside) == ["e2", "e3"]
    assert {found.event_id: found.tokens for found in beside.cut} == {"e0": 9, "e1": 11}
    assert (await eunoe.orchestrator.recall(ada, "apples", window=0)).cut == ()


async def test_a_score_is_explained(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """The explanation contains the only part of the score."""
    context = await eunoe.orchestrator.recall(ada, "apples", window=0, explain=True)
    assert [turn.explanation for turn in context.turns] == [{"cosine": turn.score} for turn in context.turns]
    plain = await eunoe.orchestrator.recall(ada, "apples", window=0)
    assert [turn.explanation for turn in plain.turns] == [None] * 4


async def test_options_without_effect_are_validated(eunoe: InMemoryEunoe, ada: Scope) -> None:
    """Code with `excerpts` or `asked_at` runs, and wrong values are refused."""
    asked_at = datetime(2024, 5, 7, tzinfo=UTC)
    plain = await eunoe.orchestrator.recall(ada, "apples", window=0)
    context = await eunoe.orchestrator.recall(ada, "apples", window=0, excerpts=True, asked_at=asked_at)
    assert context.turns == plain.turns
    with pytest.raises(InvalidEvent, match="asked_at: "):
        await eunoe.orchestrator.recall(ada, "apples", asked_at=asked_at.replace(tzinfo=None))
    with pytest.raises(InvalidEvent, match="token_budget: "):
        await eunoe.orchestrator.recall(ada, "apples", token_budget=0)
