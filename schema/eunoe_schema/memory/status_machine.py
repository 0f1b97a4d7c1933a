"""The life of a memory: which action leads from which state to which. The one table that says so."""

from collections.abc import Mapping
from enum import StrEnum

from eunoe_schema.memory.enums import Status


class Action(StrEnum):
    """What can be done to a memory that may not be done in every state."""

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
    """Where a memory is: its status while it is remembered, or forgotten, or gone."""

    ACTIVE = "active"
    SUPERSEDED = "superseded"
    MERGED = "merged"
    ARCHIVED = "archived"
    PENDING_REVIEW = "pending_review"
    FORGOTTEN = "forgotten"
    PURGED = "purged"


# A state with the actions that are allowed there and what each leads to. None: back to the status that it had when it
# was forgotten. Superseded and merged memories are history, which is not rewritten: they can only be related and
# forgotten.
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
    """Return the state of a memory by its two columns."""
    return MemoryState.FORGOTTEN if forgotten else MemoryState(status)


def allowed_actions(state: MemoryState) -> tuple[Action, ...]:
    """Return what may be done in a state, in the table's order."""
    return tuple(TRANSITIONS[state])


def is_allowed(state: MemoryState, action: Action) -> bool:
    """Tell whether an action may be done in a state."""
    return action in TRANSITIONS[state]


def status_after(status: Status, action: Action, *, forgotten: bool) -> Status:
    """Return the status that an allowed action leaves behind; what is forgotten or purged keeps the one it has.

    Raises:
        KeyError: If the action is not allowed.
    """
    after = TRANSITIONS[state_of(status, forgotten=forgotten)][action]
    return status if after in {None, MemoryState.FORGOTTEN, MemoryState.PURGED} else Status(str(after))
