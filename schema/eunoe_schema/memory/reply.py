"""The reply to a request: its result, or the problem that prevented one."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import Result, ResultByKind
from eunoe_schema.memory.status_machine import Action, MemoryState


class ProblemCode(StrEnum):
    """Why a request was refused. An object of another tenant or scope is `not_found`, like one that does not exist."""

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
    """Why a request was refused, with the values that help to correct it."""

    code: ProblemCode
    """The kind of problem."""
    message: str
    """A sentence: what was wrong, with which value, and what to do."""
    memory_id: UUID | None = None
    """The memory concerned. For `duplicate_content`, the memory that has the content."""
    version: int | None = None
    """For `version_conflict`: the current version."""
    state: MemoryState | None = None
    """For `refused_transition`: the state of the memory."""
    allowed: tuple[Action, ...] | None = None
    """For `refused_transition`: the actions that this state allows."""


class MemoryReply(ReplyModel):
    """The reply to a request on curated memory. It holds either a result or a problem."""

    request_id: str
    """The id of the request."""
    result: Annotated[Result, ResultByKind] | None = None
    """The result that belongs to the kind of the request."""
    problem: Problem | None = None
    """The reason why there is no result."""
