"""The envelope in which a result, or the reason why there is none, comes back."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import Result, ResultByKind
from eunoe_schema.memory.status_machine import Action, MemoryState


class ProblemCode(StrEnum):
    """Why a request was refused.

    `not_found` is also the answer for what belongs to another tenant or another scope.
    """

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    VERSION_CONFLICT = "version_conflict"
    REFUSED_TRANSITION = "refused_transition"
    DUPLICATE_CONTENT = "duplicate_content"
    DUPLICATE_NAME = "duplicate_name"
    SHARED_BY_USERS = "shared_by_users"
    REQUEST_REUSED = "request_reused"
    FAILED = "failed"


class Problem(ReplyModel):
    """Why a request was refused, and what the caller needs to go on.

    Attributes:
        code: The kind of refusal.
        message: A sentence: what was wrong, with which value, what to do.
        memory_id: The memory in question; of `duplicate_content`, the one that holds the content.
        version: Of `version_conflict`: the version of what was to be changed, now.
        state: Of `refused_transition`: the state that the memory is in.
        allowed: Of `refused_transition`: what may be done in that state.
    """

    code: ProblemCode
    message: str
    memory_id: UUID | None = None
    version: int | None = None
    state: MemoryState | None = None
    allowed: tuple[Action, ...] | None = None


class MemoryReply(ReplyModel):
    """A result, or the problem instead of it.

    Attributes:
        request_id: Of the request that is answered.
        result: What the request's kind promises.
        problem: Why there is no result.
    """

    request_id: str
    result: Annotated[Result, ResultByKind] | None = None
    problem: Problem | None = None
