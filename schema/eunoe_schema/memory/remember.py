"""The request `remember`."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ContractModel, ReplyModel
from eunoe_schema.events import Metadata, Moment
from eunoe_schema.memory.base import Result, ScopedRequest
from eunoe_schema.memory.content import Content, Share, Tags, content_hash
from eunoe_schema.memory.enums import Category, Source, Tier
from eunoe_schema.memory.memory import Memory, NearDuplicate
from eunoe_schema.memory.scope import SessionRef, require_own_session

MAX_MEMORIES = 100
DEFAULT_CONFIDENCE = 0.8


class NewMemory(ContractModel):
    """A new memory.

    If the owner already has a memory with this content, that memory is confirmed. If the new memory would expire later,
    the confirmed memory takes over its tier and its end.
    """

    content: Content
    """The text, 1..8,192 characters."""
    tier: Tier = Tier.PERSONAL
    """How long the memory matters."""
    category: Category = Category.FACTUAL
    """The kind of knowledge."""
    source: Source = Source.EXTRACTED
    """Where the memory comes from."""
    confidence: Share = DEFAULT_CONFIDENCE
    """The confidence, 0..1."""
    metadata: Metadata = Field(default_factory=dict)
    """A JSON object of at most 16 KiB."""
    tags: Tags = ()
    """Words to filter by, at most 50."""
    session: SessionRef | None = None
    """The session that the memory comes from, of the scope's agent and user. It is opened if it does not exist."""
    expires_at: Moment | None = None
    """When the memory expires. Without it, the tier decides."""
    review: bool = False
    """Make the memory await review: it stays out of use until it is approved. An active memory with this content stays
    active."""


class Remembered(ReplyModel):
    """The result for one content: a new or a confirmed memory."""

    memory: Memory
    """The new or confirmed memory."""
    created: bool
    """Whether the memory is new. If not, it was confirmed."""
    candidates: tuple[NearDuplicate, ...] = ()
    """Near duplicates of the same scope and tier, nearest first. Merge them if you agree."""

    @property
    def id(self) -> UUID:
        """The memory's id."""
        return self.memory.id


class RememberResult(Result):
    """The result of `remember`."""

    kind: Literal["remembered"] = "remembered"
    remembered: tuple[Remembered, ...]
    """One element for each content, in the order of the request."""


class RememberRequest(ScopedRequest[RememberResult]):
    """Create memories that belong to the scope, all or none. A content that the owner already has is confirmed."""

    kind: Literal["remember"] = "remember"
    memories: Annotated[tuple[NewMemory, ...], Field(min_length=1, max_length=MAX_MEMORIES)]
    """The memories, 1..100."""

    @model_validator(mode="after")
    def _names_own_sessions(self) -> Self:
        for new in self.memories:
            require_own_session(self.agent_id, self.user_id, new.session)
        return self

    @property
    def touches(self) -> frozenset[str]:
        """The contents, so that concurrent requests do not create the same memory twice."""
        owner = f"{self.agent_id}:{self.user_id}"
        return self._within_tenant(*(f"{owner}:{content_hash(new.content)}" for new in self.memories))

    @property
    def texts(self) -> tuple[str, ...]:
        """The contents."""
        return tuple(new.content for new in self.memories)
