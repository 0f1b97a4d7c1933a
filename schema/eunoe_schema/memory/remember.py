"""Remember: one memory or many."""

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
    """What is to be remembered.

    Attributes:
        content: The text, 1..8,192 characters.
        tier: How long it matters. A content that is held already lives as long as either would: it takes over tier and
            end of what is remembered now where that lives longer.
        category: What kind of knowledge it is.
        source: Where it comes from.
        confidence: 0..1.
        metadata: A JSON object of at most 16 KiB.
        tags: Words to filter by.
        session: The session it came from, of the scope's agent and user; opened with it where it is not there yet.
        expires_at: When it lapses; absent: as its tier says.
        review: Whether someone must approve it before it counts. A content that counts already stays as it is.
    """

    content: Content
    tier: Tier = Tier.PERSONAL
    category: Category = Category.FACTUAL
    source: Source = Source.EXTRACTED
    confidence: Share = DEFAULT_CONFIDENCE
    metadata: Metadata = Field(default_factory=dict)
    tags: Tags = ()
    session: SessionRef | None = None
    expires_at: Moment | None = None
    review: bool = False


class Remembered(ReplyModel):
    """What became of one content.

    Attributes:
        memory: The memory, new or the one that was there.
        created: Whether it is new; else it was confirmed.
        candidates: Others of its scope and tier that say nearly the same, the nearest first: merge them if you agree.
    """

    memory: Memory
    created: bool
    candidates: tuple[NearDuplicate, ...] = ()

    @property
    def id(self) -> UUID:
        """The memory's id."""
        return self.memory.id


class RememberResult(Result):
    """The answer to `remember`.

    Attributes:
        remembered: One for each content, in their order.
    """

    kind: Literal["remembered"] = "remembered"
    remembered: tuple[Remembered, ...]


class RememberRequest(ScopedRequest[RememberResult]):
    """Make memories of the scope, all or none; content that the scope holds already is confirmed instead.

    Attributes:
        memories: 1..100 of them.
    """

    kind: Literal["remember"] = "remember"
    memories: Annotated[tuple[NewMemory, ...], Field(min_length=1, max_length=MAX_MEMORIES)]

    @model_validator(mode="after")
    def _of_own_sessions(self) -> Self:
        for new in self.memories:
            require_own_session(self.agent_id, self.user_id, new.session)
        return self

    @property
    def touches(self) -> frozenset[str]:
        """The contents, so that one is not made twice by one batch."""
        owner = f"{self.agent_id}:{self.user_id}"
        return frozenset(f"{self.tenant_id}:{owner}:{content_hash(new.content)}" for new in self.memories)

    @property
    def texts(self) -> tuple[str, ...]:
        """The contents."""
        return tuple(new.content for new in self.memories)
