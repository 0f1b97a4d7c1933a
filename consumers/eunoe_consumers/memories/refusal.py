"""Why a request is refused: raised by a handler, told to the caller as a problem."""

from uuid import UUID

from eunoe_consumers.postgres.memories import LockedMemory
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.reply import Problem, ProblemCode
from eunoe_schema.memory.status_machine import Action, MemoryState, allowed_actions


class RequestRefused(EunoeError):
    """The request cannot be done, and what it did so far is undone.

    Attributes:
        problem: What the caller is told.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def invalid(message: str) -> RequestRefused:
    """Refuse what contradicts what is there."""
    return RequestRefused(Problem(code=ProblemCode.INVALID, message=message))


def not_found(memory_id: UUID) -> RequestRefused:
    """Refuse a memory that is not there, or another scope's or tenant's: no difference can be seen."""
    return RequestRefused(
        Problem(
            code=ProblemCode.NOT_FOUND,
            message=f"there is no memory {memory_id} that applies to this scope",
            memory_id=memory_id,
        )
    )


def purged(memory_id: UUID) -> Problem:
    """Return what takes the place of a kept reply that quotes a memory which is purged."""
    return Problem(
        code=ProblemCode.NOT_FOUND,
        message=f"this request was done, but its reply quoted memory {memory_id}, purged since: read the rest",
        memory_id=memory_id,
    )


def conflict(memory_id: UUID, *, expected: int, found: int) -> RequestRefused:
    """Refuse a change of something that the caller has not seen."""
    return RequestRefused(
        Problem(
            code=ProblemCode.VERSION_CONFLICT,
            message=f"memory {memory_id} has version {found}, not {expected}: read it, and decide again",
            memory_id=memory_id,
            version=found,
        )
    )


def nothing_there(thing: str) -> RequestRefused:
    """Raise not_found; the answer is the same for a missing id and for another scope's id."""
    return RequestRefused(
        Problem(code=ProblemCode.NOT_FOUND, message=f"there is no {thing} that applies to this scope")
    )


def other_version(thing: str, *, expected: int, found: int) -> RequestRefused:
    """Refuse a change of something, other than a memory, that the caller has not seen."""
    message = f"{thing} has version {found}, not {expected}: read it, and decide again"
    return RequestRefused(Problem(code=ProblemCode.VERSION_CONFLICT, message=message, version=found))


def duplicate_name(thing: str) -> RequestRefused:
    """Refuse what would give two things of one owner the same name."""
    message = f"there is {thing} already: take another name, or use the one that is there"
    return RequestRefused(Problem(code=ProblemCode.DUPLICATE_NAME, message=message))


def shared_by_users(thing: str) -> RequestRefused:
    """Refuse that one user's scope changes what an agent has with every user."""
    message = f"{thing} is the agent's with every user: change it in the scope of the agent alone, without user_id"
    return RequestRefused(Problem(code=ProblemCode.SHARED_BY_USERS, message=message))


def refused_transition(memory: LockedMemory, action: Action) -> RequestRefused:
    """Refuse an action that the memory's state does not allow, and name those that it does."""
    state, allowed = memory.state, allowed_actions(memory.state)
    return RequestRefused(
        Problem(
            code=ProblemCode.REFUSED_TRANSITION,
            message=f"memory {memory.id} is {state}: {action} is not allowed, only {_listed(allowed, state)}",
            memory_id=memory.id,
            state=state,
            allowed=allowed,
        )
    )


def duplicate_content(holder: UUID | None) -> RequestRefused:
    """Refuse what would make two memories of one owner say the same."""
    name = f"memory {holder}" if holder else "another memory"
    return RequestRefused(
        Problem(
            code=ProblemCode.DUPLICATE_CONTENT,
            message=f"{name} of the same owner holds that content: merge the two, or forget one",
            memory_id=holder,
        )
    )


def _listed(actions: tuple[Action, ...], state: MemoryState) -> str:
    return ", ".join(actions) if actions else f"nothing: {state} is the end"
