"""Build the refusals that handlers raise. The caller gets each as a problem."""

from uuid import UUID

from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.reply import Problem, ProblemCode
from eunoe_schema.memory.status_machine import Action, MemoryState, allowed_actions


class RequestRefused(EunoeError):
    """The request is refused, and its transaction is rolled back.

    Attributes:
        problem: The reason that the caller gets.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def invalid(message: str) -> RequestRefused:
    """Refuse a request that contradicts itself or the stored data."""
    return RequestRefused(Problem(code=ProblemCode.INVALID, message=message))


def not_found(memory_id: UUID) -> RequestRefused:
    """Refuse a memory that is missing or of another scope. The answer is the same, so that nobody can probe for ids."""
    return missing(f"memory {memory_id}", memory_id=memory_id)


def missing(thing: str, *, memory_id: UUID | None = None) -> RequestRefused:
    """Refuse a thing that is missing or of another scope. The answer is the same, so that nobody can probe for ids."""
    message = f"there is no {thing} that applies to this scope"
    return RequestRefused(Problem(code=ProblemCode.NOT_FOUND, message=message, memory_id=memory_id))


def version_conflict(thing: str, *, expected: int, found: int, memory_id: UUID | None = None) -> RequestRefused:
    """Refuse to change a version that the caller has not seen."""
    message = f"{thing} has version {found}, not {expected}: read it, and decide again"
    return RequestRefused(
        Problem(code=ProblemCode.VERSION_CONFLICT, message=message, memory_id=memory_id, version=found)
    )


def duplicate_name(thing: str) -> RequestRefused:
    """Refuse to give two things of one owner the same name."""
    message = f"there is {thing} already: choose another name, or use the existing one"
    return RequestRefused(Problem(code=ProblemCode.DUPLICATE_NAME, message=message))


def shared_by_users(thing: str) -> RequestRefused:
    """Refuse to change a shared thing in the scope of one user."""
    message = f"{thing} is shared by all users: change it in the scope of the agent alone, without user_id"
    return RequestRefused(Problem(code=ProblemCode.SHARED_BY_USERS, message=message))


def refused_transition(memory_id: UUID, state: MemoryState, action: Action) -> RequestRefused:
    """Refuse an action that the memory's state does not allow, and name the allowed ones."""
    allowed = allowed_actions(state)
    listed = ", ".join(allowed) if allowed else f"nothing: {state} is the end"
    return RequestRefused(
        Problem(
            code=ProblemCode.REFUSED_TRANSITION,
            message=f"memory {memory_id} is {state}: {action} is not allowed, only {listed}",
            memory_id=memory_id,
            state=state,
            allowed=allowed,
        )
    )


def duplicate_content(holder: UUID | None) -> RequestRefused:
    """Refuse to give two memories of one owner the same content."""
    name = f"memory {holder}" if holder else "another memory"
    message = f"{name} of the same owner holds that content: merge the two, or forget one"
    return RequestRefused(Problem(code=ProblemCode.DUPLICATE_CONTENT, message=message, memory_id=holder))


def purged(memory_id: UUID) -> Problem:
    """Return the problem that replaces a kept reply once a memory that it quotes is purged."""
    return Problem(
        code=ProblemCode.NOT_FOUND,
        message=f"this request was done, but its reply quoted memory {memory_id}, purged since: read the rest",
        memory_id=memory_id,
    )


def request_reused(request_id: str) -> Problem:
    """Return the problem of a request id that was used for another request."""
    message = f"request_id: {request_id!r} was used for another request: use a new id for each request"
    return Problem(code=ProblemCode.REQUEST_REUSED, message=message)
