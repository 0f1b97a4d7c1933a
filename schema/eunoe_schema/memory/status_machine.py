"""The status machine of a memory: which action leads from which state to which."""

from collections.abc import Mapping
from enum import StrEnum

from eunoe_schema.memory.enums import Status


class Action(StrEnum):
    """An action on a memory that not every state allows."""

    REVISE = "revise"
    SUPERSEDE = "supersede"
    MERGE = "merge"
    ARCHIVE = "archive"
    RESTORE = "restore"
    APPROVE = "approve"
    REJECT = "reject"
    TAG = "tag"
    RELATE = "relate"
    FORGET = "forget"
    PURGE = "purge"


class MemoryState(StrEnum):
    """The state of a memory: its status, or `forgotten`, or `purged`."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    MERGED = "merged"
    ARCHIVED = "archived"
    PENDING_REVIEW = "pending_review"
    FORGOTTEN = "forgotten"
    PURGED = "purged"


# For each state, the allowed actions and the state that each leads to. None: the status from before the memory was
# forgotten. Superseded and merged memories are history: they can be related, forgotten and purged, but not changed.
TRANSITIONS: Mapping[MemoryState, Mapping[Action, MemoryState | None]] = {
    MemoryState.PENDING_REVIEW: {
        Action.APPROVE: MemoryState.ACTIVE,
        Action.REJECT: MemoryState.ARCHIVED,
        Action.REVISE: MemoryState.PENDING_REVIEW,
        Action.TAG: MemoryState.PENDING_REVIEW,
        Action.RELATE: MemoryState.PENDING_REVIEW,
        Action.MERGE: MemoryState.MERGED,
        Action.FORGET: MemoryState.FORGOTTEN,
        Action.PURGE: MemoryState.PURGED,
    },
    MemoryState.ACTIVE: {
        Action.REVISE: MemoryState.ACTIVE,
        Action.TAG: MemoryState.ACTIVE,
        Action.RELATE: MemoryState.ACTIVE,
        Action.SUPERSEDE: MemoryState.SUPERSEDED,
        Action.MERGE: MemoryState.MERGED,
        Action.ARCHIVE: MemoryState.ARCHIVED,
        Action.FORGET: MemoryState.FORGOTTEN,
        Action.PURGE: MemoryState.PURGED,
    },
    MemoryState.ARCHIVED: {
        Action.RESTORE: MemoryState.ACTIVE,
        Action.TAG: MemoryState.ARCHIVED,
        Action.RELATE: MemoryState.ARCHIVED,
        Action.FORGET: MemoryState.FORGOTTEN,
        Action.PURGE: MemoryState.PURGED,
    },
    MemoryState.SUPERSEDED: {
        Action.RELATE: MemoryState.SUPERSEDED,
        Action.FORGET: MemoryState.FORGOTTEN,
        Action.PURGE: MemoryState.PURGED,
    },
    MemoryState.MERGED: {
        Action.RELATE: MemoryState.MERGED,
        Action.FORGET: MemoryState.FORGOTTEN,
        Action.PURGE: MemoryState.PURGED,
    },
    MemoryState.FORGOTTEN: {Action.RESTORE: None, Action.PURGE: MemoryState.PURGED},
    MemoryState.PURGED: {},
}


def state_of(status: Status, *, forgotten: bool) -> MemoryState:
    """Return the state of a memory with this status."""
    return MemoryState.FORGOTTEN if forgotten else MemoryState(status)


def allowed_actions(state: MemoryState) -> tuple[Action, ...]:
    """Return the actions that a state allows, in the order of the table."""
    return tuple(TRANSITIONS[state])


def is_allowed(state: MemoryState, action: Action) -> bool:
    """Return whether a state allows an action."""
    return action in TRANSITIONS[state]


def status_after(status: Status, action: Action, *, forgotten: bool) -> Status:
    """Return the status after an allowed action. A forgotten or purged memory keeps its status.

    Raises:
        KeyError: If the state does not allow the action.
    """
    after = TRANSITIONS[state_of(status, forgotten=forgotten)][action]
    return status if after in {None, MemoryState.FORGOTTEN, MemoryState.PURGED} else Status(str(after))
