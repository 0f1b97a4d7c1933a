"""Scopes, and the ids of their turns."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eunoe_schema import Scope
from eunoe_schema.scope import TURN_NAMESPACE
from eunoe_tests.properties import examples

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
AGENT = UUID("a0000000-0000-4000-8000-000000000001")
OTHER_AGENT = UUID("a0000000-0000-4000-8000-000000000002")
SCOPE = Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")

texts = st.text(alphabet="a:1", min_size=1, max_size=5)


def turn_id(user: str, event: str) -> UUID:
    """Return a turn's id in a scope of `user`."""
    return Scope(tenant_id=TENANT, agent_id=AGENT, user_id=user).turn_id(event)


def test_turn_ids_never_change() -> None:
    """A replay must find rows that were stored years ago."""
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
    """Channels number messages per chat, so event ids repeat in other tenants, agents and users."""
    assert other.turn_id("e1") != SCOPE.turn_id("e1")


def test_two_events_of_a_scope_are_two_turns() -> None:
    """In a scope, the event id identifies the message."""
    assert SCOPE.turn_id("e1") != SCOPE.turn_id("e2")


def test_agent_and_tenant_are_not_exchangeable() -> None:
    """Swapped ids give another turn id."""
    one = Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")
    other = Scope(tenant_id=AGENT, agent_id=TENANT, user_id="ada")
    assert one.turn_id("e1") != other.turn_id("e1")


def test_ids_with_colons_do_not_collide() -> None:
    """User 'a:b' with event 'c' and user 'a' with event 'b:c' are two turns."""
    assert turn_id("a:b", "c") != turn_id("a", "b:c")
    assert turn_id("1:a", "b") != turn_id("1", "a:b")


@examples(300)
@given(st.tuples(texts, texts), st.tuples(texts, texts))
def test_turn_ids_are_equal_only_for_equal_user_and_event(one: tuple[str, str], other: tuple[str, str]) -> None:
    """This holds for any ids."""
    assert (turn_id(*one) == turn_id(*other)) == (one == other)


def test_scopes_are_hashable_and_immutable() -> None:
    """Batches are grouped by scope."""
    again = Scope.model_validate(SCOPE.model_dump(mode="json"))
    assert (again, hash(again)) == (SCOPE, hash(SCOPE))
    with pytest.raises(ValidationError):
        SCOPE.user_id = "bob"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_text_of_a_scope_shows_its_parts() -> None:
    """Log lines name the scope."""
    assert str(SCOPE) == f"{TENANT}/{AGENT}/ada"
