"""The status machine: promises that hold for every sequence of actions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_schema.memory import Action, MemoryState, Status
from eunoe_schema.memory.status_machine import (
    TRANSITIONS,
    allowed_actions,
    is_allowed,
    state_of,
    status_after,
)


class Life:
    """A memory as in the database: its status, and whether it is forgotten."""

    def __init__(self, status: Status) -> None:
        self.status = status
        self.forgotten = False
        self.purged = False

    @property
    def state(self) -> MemoryState:
        """The state of the memory."""
        return MemoryState.PURGED if self.purged else state_of(self.status, forgotten=self.forgotten)

    def do(self, action: Action) -> bool:
        """Do an action as a handler does, and return whether it was allowed."""
        if not is_allowed(self.state, action):
            return False
        self.status = status_after(self.status, action, forgotten=self.forgotten)
        self.forgotten = action is Action.FORGET
        self.purged = action is Action.PURGE
        return True


@given(st.sampled_from([Status.ACTIVE, Status.PENDING_REVIEW]), st.lists(st.sampled_from(list(Action))))
def test_every_life_follows_the_table(begin: Status, actions: list[Action]) -> None:
    """History is never rewritten, a purge is final, and a restored memory has the status that it had."""
    life = Life(begin)
    for action in actions:
        before, status = life.state, life.status
        done = life.do(action)
        assert done == (action in TRANSITIONS[before])
        if not done:
            assert life.state is before
        elif (after := TRANSITIONS[before][action]) is not None:
            assert life.state is after
        else:
            assert (life.status, life.forgotten) == (status, False)
        if before in {MemoryState.SUPERSEDED, MemoryState.MERGED}:
            assert life.state in {before, MemoryState.FORGOTTEN, MemoryState.PURGED}
        if before is MemoryState.PURGED:
            assert life.state is MemoryState.PURGED
        if before is MemoryState.PENDING_REVIEW and life.state is MemoryState.ACTIVE:
            assert action is Action.APPROVE


@given(st.lists(st.sampled_from(list(Action))))
def test_every_memory_can_be_purged(actions: list[Action]) -> None:
    """A user has the right to be forgotten, whatever the state of the memory."""
    life = Life(Status.ACTIVE)
    for action in actions:
        life.do(action)
    assert life.purged or life.do(Action.PURGE)


def test_the_table_holds_every_state_and_every_action() -> None:
    """A missing state would fail at run time. An action that no state allows has no use."""
    assert TRANSITIONS.keys() == set(MemoryState)
    assert {action for actions in TRANSITIONS.values() for action in actions} == set(Action)
    assert {MemoryState(status) for status in Status} == set(MemoryState) - {MemoryState.FORGOTTEN, MemoryState.PURGED}


def test_an_action_that_is_not_allowed_raises() -> None:
    """A handler that skips the check fails, and stores no wrong status."""
    assert allowed_actions(MemoryState.FORGOTTEN) == (Action.RESTORE, Action.PURGE)
    with pytest.raises(KeyError):
        status_after(Status.MERGED, Action.REVISE, forgotten=False)
