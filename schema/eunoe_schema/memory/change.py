"""Requests that change existing memories: their content, their status, their tags."""

from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.events import Metadata, Moment
from eunoe_schema.memory.base import OneMemoryRequest, Result, ResultT_co, ScopedRequest, VersionedRequest
from eunoe_schema.memory.content import Content, Share, Tags
from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.memory import Memory, MemoryResult
from eunoe_schema.memory.remember import NewMemory
from eunoe_schema.memory.scope import require_own_session
from eunoe_schema.memory.status_machine import Action

MAX_MERGED = 100

TransitionAction = Literal[Action.ARCHIVE, Action.RESTORE, Action.APPROVE, Action.REJECT, Action.FORGET]


class ReplacedResult(Result):
    """The result of `supersede` and `merge`."""

    kind: Literal["replaced"] = "replaced"
    memory: Memory
    """The memory that replaced the others."""
    created: bool
    """Whether that memory is new. If not, the owner already had a memory with that content."""
    replaced: tuple[Memory, ...]
    """The replaced memories."""


class PurgedResult(Result):
    """The result of `purge`."""

    kind: Literal["purged"] = "purged"
    memory_id: UUID
    """The deleted memory."""


class ChangeRequest(VersionedRequest[ResultT_co], OneMemoryRequest[ResultT_co], Generic[ResultT_co]):
    """A change of one memory."""


class ReviseRequest(ChangeRequest[MemoryResult]):
    """Change a memory. Members that the request leaves out stay. Each earlier content is kept as a version."""

    kind: Literal["revise"] = "revise"
    content: Content | None = None
    """The new content, 1..8,192 characters."""
    tier: Tier | None = None
    """The new tier."""
    category: Category | None = None
    """The new category."""
    confidence: Share | None = None
    """The new confidence, 0..1."""
    metadata: Metadata | None = None
    """The new metadata. It replaces all of the old metadata."""
    expires_at: Moment | None = None
    """The new time at which the memory expires."""
    never_expires: bool = False
    """Remove `expires_at`. The tier then decides when the memory expires."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        given = (self.content, self.tier, self.category, self.confidence, self.metadata, self.expires_at)
        if all(value is None for value in given) and not self.never_expires:
            raise ValueError(
                "nothing to revise: give content, tier, category, confidence, metadata, expires_at or never_expires"
            )
        if self.expires_at is not None and self.never_expires:
            raise ValueError("expires_at and never_expires contradict each other: give one of them")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The new content."""
        return () if self.content is None else (self.content,)


class SupersedeRequest(ChangeRequest[ReplacedResult]):
    """Replace a memory by a new one of the same owner. The old one stays as history and points to the new one.

    The new memory takes over nothing from the old one: name the tier, the tags and all other members to keep.
    """

    kind: Literal["supersede"] = "supersede"
    replacement: NewMemory
    """The new memory."""

    @model_validator(mode="after")
    def _names_an_own_session(self) -> Self:
        require_own_session(self.agent_id, self.user_id, self.replacement.session)
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The new content."""
        return (self.replacement.content,)


class MergeRequest(ScopedRequest[ReplacedResult]):
    """Replace several memories of one owner by one. The old ones stay as history and point to it."""

    kind: Literal["merge"] = "merge"
    memory_ids: Annotated[tuple[UUID, ...], Field(min_length=2, max_length=MAX_MERGED)]
    """The memories to replace, 2..100."""
    merged: NewMemory
    """The memory that replaces them. It may have the content of one of them."""

    @model_validator(mode="after")
    def _merges_several_of_an_own_session(self) -> Self:
        if len(set(self.memory_ids)) != len(self.memory_ids):
            raise ValueError("memory_ids names a memory twice")
        require_own_session(self.agent_id, self.user_id, self.merged.session)
        return self

    @property
    def touches(self) -> frozenset[str]:
        """The memories to replace."""
        return self._within_tenant(*self.memory_ids)

    @property
    def texts(self) -> tuple[str, ...]:
        """The content of the merged memory."""
        return (self.merged.content,)


class TransitionRequest(ChangeRequest[MemoryResult]):
    """Move a memory to another status, or forget or restore it. Its state decides which of these are allowed."""

    kind: TransitionAction

    @property
    def action(self) -> Action:
        """The action."""
        return Action(self.kind)


class PurgeRequest(ChangeRequest[PurgedResult]):
    """Delete a memory with its versions, tags and relations for good."""

    kind: Literal["purge"] = "purge"


class TagRequest(ChangeRequest[MemoryResult]):
    """Add tags to a memory."""

    kind: Literal["tag"] = "tag"
    tags: Annotated[Tags, Field(min_length=1)]
    """The tags to add, 1..50."""


class UntagRequest(ChangeRequest[MemoryResult]):
    """Remove tags from a memory. A tag that it does not have is no error."""

    kind: Literal["untag"] = "untag"
    tags: Annotated[Tags, Field(min_length=1)]
    """The tags to remove, 1..50."""
