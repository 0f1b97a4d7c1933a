"""A curated memory, as it comes back."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import Result
from eunoe_schema.memory.enums import Category, Source, Status, Tier
from eunoe_schema.memory.scope import SessionRef


class Memory(ReplyModel):
    """What an orchestrator decided to remember.

    Attributes:
        id: Its id within the tenant.
        agent_id: The agent; None for every agent.
        user_id: The user; None for every user.
        tier: How long it matters.
        category: What kind of knowledge it is.
        source: Where it comes from.
        status: Where it stands in its life.
        content: The text, 1..8,192 characters.
        content_hash: SHA-256 by which the same content is known again.
        confidence: 0..1; rises when the same content is remembered again.
        usefulness: 0..1; moves with feedback.
        metadata: A JSON object.
        tags: In alphabetical order.
        session: The session it came from; None when there was none, or it is gone.
        version: Rises with each change of content or status; name it to change only what you have seen.
        superseded_by: The memory that replaced it.
        merged_into: The memory that it became part of.
        retrieval_count: How often it was recalled.
        last_retrieved_at: When it was last recalled.
        last_injected_at: When it was last put into a prompt.
        accessed_at: When it was last used in any way.
        created_at: When it was remembered.
        updated_at: When it last changed.
        expires_at: When it lapses, where somebody said so.
        lapses_at: When it lapses by that or by its tier; None: never. From then on it is as archived.
        deleted_at: When it was forgotten.
        has_embedding: Whether it can be found by similarity already.
    """

    id: UUID
    agent_id: UUID | None = None
    user_id: str | None = None
    tier: Tier
    category: Category
    source: Source
    status: Status
    content: str
    content_hash: str
    confidence: float
    usefulness: float
    metadata: dict[str, JsonValue]
    tags: tuple[str, ...] = ()
    session: SessionRef | None = None
    version: int
    superseded_by: UUID | None = None
    merged_into: UUID | None = None
    retrieval_count: int = 0
    last_retrieved_at: datetime | None = None
    last_injected_at: datetime | None = None
    accessed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    lapses_at: datetime | None = None
    deleted_at: datetime | None = None
    has_embedding: bool = True

    def has_lapsed(self, now: datetime) -> bool:
        """Tell whether its time was over before anything else ended it."""
        living = self.status in {Status.ACTIVE, Status.PENDING_REVIEW} and self.deleted_at is None
        return living and self.lapses_at is not None and self.lapses_at <= now


class NearDuplicate(ReplyModel):
    """A memory that says nearly the same.

    Attributes:
        memory: The memory.
        cosine: Its similarity, -1..1.
    """

    memory: Memory
    cosine: float


class MemoryResult(Result):
    """The answer to a request on one memory.

    Attributes:
        memory: As it is now.
    """

    kind: Literal["memory"] = "memory"
    memory: Memory
