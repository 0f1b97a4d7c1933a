"""Requests that change memories that are there: their content, their status, their tags."""

from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.events import Metadata, Moment
from eunoe_schema.memory.base import Result, ResultT_co, ScopedRequest, Version
from eunoe_schema.memory.content import Content, Share, Tags
from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.memory import Memory, MemoryResult
from eunoe_schema.memory.remember import NewMemory
from eunoe_schema.memory.scope import require_own_session
from eunoe_schema.memory.status_machine import Action

MAX_MERGED = 100


class ReplacedResult(Result):
    """The answer to `supersede` and `merge`.

    Attributes:
        memory: What holds now.
        created: Whether it is new; else the owner held that content already.
        replaced: What it replaced.
    """

    kind: Literal["replaced"] = "replaced"
    memory: Memory
    created: bool
    replaced: tuple[Memory, ...]


class PurgedResult(Result):
    """The answer to `purge`.

    Attributes:
        memory_id: What is gone.
    """

    kind: Literal["purged"] = "purged"
    memory_id: UUID


class ChangeRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A change of one memory.

    Attributes:
        memory_id: Which.
        version: The version that the caller has seen; refused where it is another by now. None: whatever it is.
    """

    memory_id: UUID
    version: Version | None = None

    @property
    def touches(self) -> frozenset[str]:
        """The memory."""
        return frozenset({f"{self.tenant_id}:{self.memory_id}"})


class ReviseRequest(ChangeRequest[MemoryResult]):
    """Change what a memory says; what is not given stays.

    Attributes:
        content: The new text.
        tier: Another tier.
        category: Another category.
        confidence: Another confidence.
        metadata: In place of the metadata that it has.
        expires_at: When it lapses.
        never_expires: Take back an `expires_at`; the tier decides again.
    """

    kind: Literal["revise"] = "revise"
    content: Content | None = None
    tier: Tier | None = None
    category: Category | None = None
    confidence: Share | None = None
    metadata: Metadata | None = None
    expires_at: Moment | None = None
    never_expires: bool = False

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        given = (self.content, self.tier, self.category, self.confidence, self.metadata, self.expires_at)
        if all(value is None for value in given) and not self.never_expires:
            msg = "nothing to revise: give content, tier, category, confidence, metadata, expires_at or never_expires"
            raise ValueError(msg)
        if self.expires_at is not None and self.never_expires:
            msg = "expires_at and never_expires contradict each other"
            raise ValueError(msg)
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The new content."""
        return () if self.content is None else (self.content,)


class SupersedeRequest(ChangeRequest[ReplacedResult]):
    """Replace a memory by a new one of the same owner; the old one stays as history and points to it.

    Attributes:
        replacement: What holds now.
    """

    kind: Literal["supersede"] = "supersede"
    replacement: NewMemory

    @model_validator(mode="after")
    def _of_own_session(self) -> Self:
        require_own_session(self.agent_id, self.user_id, self.replacement.session)
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """What holds now."""
        return (self.replacement.content,)


class MergeRequest(ScopedRequest[ReplacedResult]):
    """Make several memories of one owner one; they stay as history and point to it.

    Attributes:
        memory_ids: 2..100 of them.
        merged: What they become. Its content may be that of one of them.
    """

    kind: Literal["merge"] = "merge"
    memory_ids: Annotated[tuple[UUID, ...], Field(min_length=2, max_length=MAX_MERGED)]
    merged: NewMemory

    @model_validator(mode="after")
    def _several_of_own_session(self) -> Self:
        if len(set(self.memory_ids)) != len(self.memory_ids):
            msg = "memory_ids names a memory twice"
            raise ValueError(msg)
        require_own_session(self.agent_id, self.user_id, self.merged.session)
        return self

    @property
    def touches(self) -> frozenset[str]:
        """The memories."""
        return frozenset(f"{self.tenant_id}:{memory_id}" for memory_id in self.memory_ids)

    @property
    def texts(self) -> tuple[str, ...]:
        """What they become."""
        return (self.merged.content,)


class TransitionRequest(ChangeRequest[MemoryResult]):
    """Take a memory to another state; `status_machine.py` says from where.

    Attributes:
        kind: The action.
    """

    kind: Literal[Action.ARCHIVE, Action.RESTORE, Action.APPROVE, Action.REJECT, Action.FORGET]

    @property
    def action(self) -> Action:
        """The action."""
        return Action(self.kind)


class PurgeRequest(ChangeRequest[PurgedResult]):
    """Delete a memory with its versions, tags and relations, for good."""

    kind: Literal["purge"] = "purge"


class TagRequest(ChangeRequest[MemoryResult]):
    """Give a memory tags; those that it has stay.

    Attributes:
        tags: 1..50 of them.
    """

    kind: Literal["tag"] = "tag"
    tags: Annotated[Tags, Field(min_length=1)]


class UntagRequest(ChangeRequest[MemoryResult]):
    """Take tags off a memory; those that it does not have are no error.

    Attributes:
        tags: 1..50 of them.
    """

    kind: Literal["untag"] = "untag"
    tags: Annotated[Tags, Field(min_length=1)]
