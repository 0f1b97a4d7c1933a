"""The scope: the unit of isolation, and the ids of the turns in it."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eunoe_schema import Scope
from eunoe_schema.scope import TURN_NAMESPACE

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
AGENT = UUID("a0000000-0000-4000-8000-000000000001")
OTHER_AGENT = UUID("a0000000-0000-4000-8000-000000000002")
SCOPE = Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")

texts = st.text(alphabet="a:1", min_size=1, max_size=5)


def turn_id(user: str, event: str) -> UUID:
    """Return a turn's id in a scope of `user`."""
    return Scope(tenant_id=TENANT, agent_id=AGENT, user_id=user).turn_id(event)


def test_a_turns_id_is_the_same_for_ever() -> None:
    """Rows written years ago are met again by a replay: these values never change."""
    assert UUID("6f2ab1b0-3f0e-5d53-9e0f-9a3f0a6f4c11") == TURN_NAMESPACE
    assert turn_id("ada", "e1") == UUID("1edeab2e-3eb8-59c8-b9c0-3d32fc8083d4")
    assert turn_id("@ada:example.org", "$é:1") == UUID("8e3a9020-7275-5568-b6a3-726704f09fb8")


@pytest.mark.parametrize(
    "other",
    [
        Scope(tenant_id=OTHER_TENANT, agent_id=AGENT, user_id="ada"),
        Scope(tenant_id=TENANT, agent_id=OTHER_AGENT, user_id="ada"),
        Scope(tenant_id=TENANT, agent_id=AGENT, user_id="bob"),
    ],
)
def test_equal_events_of_two_scopes_are_two_turns(other: Scope) -> None:
    """Channels number messages per chat: another tenant, agent or user with the same event id loses nothing."""
    assert other.turn_id("e1") != SCOPE.turn_id("e1")


def test_two_events_of_a_scope_are_two_turns() -> None:
    """Within a scope the event id tells messages apart."""
    assert SCOPE.turn_id("e1") != SCOPE.turn_id("e2")


def test_agent_and_tenant_are_not_exchangeable() -> None:
    """Each part counts in its own place."""
    one = Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")
    other = Scope(tenant_id=AGENT, agent_id=TENANT, user_id="ada")
    assert one.turn_id("e1") != other.turn_id("e1")


def test_a_colon_in_an_id_makes_no_two_turns_one() -> None:
    """User 'a:b' with event 'c' and user 'a' with event 'b:c' are two turns."""
    assert turn_id("a:b", "c") != turn_id("a", "b:c")
    assert turn_id("1:a", "b") != turn_id("1", "a:b")


@given(st.tuples(texts, texts), st.tuples(texts, texts))
def test_turns_are_one_exactly_where_user_and_event_are(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Whatever the ids hold, different messages are different turns, and the same message is the same turn."""
    assert (turn_id(*one) == turn_id(*other)) == (one == other)


def test_a_scope_can_stand_in_a_set_and_not_be_changed() -> None:
    """Batches are grouped by scope: equal scopes are one key."""
    again = Scope.model_validate(SCOPE.model_dump(mode="json"))
    assert (again, hash(again)) == (SCOPE, hash(SCOPE))
    with pytest.raises(ValidationError):
        SCOPE.user_id = "bob"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_scope_shows_its_parts() -> None:
    """Log lines show whose it is."""
    assert str(SCOPE) == f"{TENANT}/{AGENT}/ada"
