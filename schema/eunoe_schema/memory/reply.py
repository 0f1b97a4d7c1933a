"""The envelope in which a result, or the reason why there is none, comes back."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from eunoe_schema.memory.administration import AdminSearchResult
from eunoe_schema.memory.change import MemoryResult, PurgedResult, ReplacedResult
from eunoe_schema.memory.checkpoints import CheckpointPage, CheckpointResult, CheckpointSavedResult
from eunoe_schema.memory.collections import CollectionDeletedResult, CollectionPage, CollectionResult
from eunoe_schema.memory.consolidation import ConsolidationGroupsResult
from eunoe_schema.memory.directives import DirectiveRemovedResult, DirectiveResult, DirectivesResult
from eunoe_schema.memory.history import HistoryResult
from eunoe_schema.memory.read import MemoryPage, SearchResult
from eunoe_schema.memory.relations import RelationResult, WalkResult
from eunoe_schema.memory.remember import RememberResult
from eunoe_schema.memory.sessions import SessionPage, SessionResult
from eunoe_schema.memory.status_machine import Action, MemoryState
from eunoe_schema.memory.usage import UsedResult


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


class Problem(BaseModel):
    """Why a request was refused, and what the caller needs to go on.

    Attributes:
        code: The kind of refusal.
        message: A sentence: what was wrong, with which value, what to do.
        memory_id: The memory in question; of `duplicate_content`, the one that holds the content.
        version: Of `version_conflict`: the version of what was to be changed, now.
        state: Of `refused_transition`: the state that the memory is in.
        allowed: Of `refused_transition`: what may be done in that state.
    """

    model_config = ConfigDict(frozen=True)

    code: ProblemCode
    message: str
    memory_id: UUID | None = None
    version: int | None = None
    state: MemoryState | None = None
    allowed: tuple[Action, ...] | None = None


Result = Annotated[
    RememberResult
    | MemoryResult
    | HistoryResult
    | MemoryPage
    | SearchResult
    | ReplacedResult
    | PurgedResult
    | UsedResult
    | ConsolidationGroupsResult
    | AdminSearchResult
    | RelationResult
    | WalkResult
    | CollectionResult
    | CollectionPage
    | CollectionDeletedResult
    | SessionResult
    | SessionPage
    | CheckpointSavedResult
    | CheckpointResult
    | CheckpointPage
    | DirectiveResult
    | DirectivesResult
    | DirectiveRemovedResult,
    Field(discriminator="kind"),
]


class MemoryReply(BaseModel):
    """A result, or the problem instead of it.

    Attributes:
        request_id: Of the request that is answered.
        result: What the request's kind promises.
        problem: Why there is no result.
    """

    model_config = ConfigDict(frozen=True)

    request_id: str
    result: Result | None = None
    problem: Problem | None = None
