"""A curated memory as replies hold it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import Result
from eunoe_schema.memory.enums import Category, Source, Status, Tier
from eunoe_schema.memory.scope import SessionRef


class MemoryCore(ReplyModel):
    """The members of a memory that every reply holds."""

    id: UUID
    """The id, unique within the tenant."""
    agent_id: UUID | None = None
    """The agent that owns it. It is left out if the memory applies to the user with every agent."""
    user_id: str | None = None
    """The user that owns it. It is left out if the memory applies to the agent with every user."""
    tier: Tier
    """How long the memory matters."""
    category: Category
    """The kind of knowledge."""
    content: str
    """The text, 1..8,192 characters."""
    confidence: float
    """The confidence, 0..1. It rises when the same content is remembered again."""
    metadata: dict[str, JsonValue]
    """A JSON object."""
    created_at: datetime
    """When the memory was created."""
    updated_at: datetime
    """When the memory last changed."""


class Memory(MemoryCore):
    """A memory with all its members."""

    source: Source
    """Where the memory comes from."""
    status: Status
    """The status."""
    content_hash: str
    """The SHA-256 of the content in NFC, without blank lines at the beginning and white space at the end."""
    usefulness: float
    """How useful the memory has been in prompts, 0..1. Feedback moves it."""
    tags: tuple[str, ...] = ()
    """The tags, in alphabetical order."""
    session: SessionRef | None = None
    """The session that the memory comes from, as long as that session exists."""
    version: int
    """Rises with each change of content or status. Name it in a change to be sure that nothing changed since."""
    superseded_by: UUID | None = None
    """The memory that superseded it."""
    merged_into: UUID | None = None
    """The memory that it was merged into."""
    retrieval_count: int = 0
    """How often a recall, a search or a get returned the memory."""
    last_retrieved_at: datetime | None = None
    """When the memory was last returned."""
    last_injected_at: datetime | None = None
    """When the memory was last put into a prompt."""
    accessed_at: datetime | None = None
    """When the memory was last used in any way."""
    expires_at: datetime | None = None
    """The end that a caller chose. It is left out if the tier decides."""
    lapses_at: datetime | None = None
    """When the memory expires, by `expires_at` or by its tier. From then on it is treated as archived. It is left out
    if the memory never expires."""
    deleted_at: datetime | None = None
    """When the memory was forgotten."""
    has_embedding: bool = True
    """Whether the memory has an embedding yet, so that a search by meaning can find it."""

    def has_lapsed(self, now: datetime) -> bool:
        """Return whether the memory expired while it was active or awaited review."""
        living = self.status in {Status.ACTIVE, Status.PENDING_REVIEW} and self.deleted_at is None
        return living and self.lapses_at is not None and self.lapses_at <= now


class RecalledMemory(MemoryCore):
    """A memory in the context of a recall. The request `get` returns all its members."""

    cosine: float | None = None
    """The similarity to the query, -1..1. It is left out while the memory or the query has no embedding."""


class NearDuplicate(ReplyModel):
    """A memory that says nearly the same as another."""

    memory: Memory
    """The memory."""
    cosine: float
    """Its similarity, -1..1."""


class MemoryResult(Result):
    """The result of a request on one memory."""

    kind: Literal["memory"] = "memory"
    memory: Memory
    """The memory after the request."""
