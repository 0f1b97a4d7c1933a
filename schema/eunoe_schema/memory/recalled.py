"""A curated memory in the reply of a recall."""

from datetime import datetime
from uuid import UUID

from pydantic import JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.enums import Category, Tier


class RecalledMemory(ReplyModel):
    """A memory that applies to a conversation; `Curator.get` returns the whole of it.

    Attributes:
        id: Its id within the tenant.
        agent_id: The agent; None for every agent.
        user_id: The user; None for every user.
        tier: How long it matters.
        category: What kind of knowledge it is.
        content: The text, 1..8,192 characters.
        confidence: 0..1.
        metadata: A JSON object.
        created_at: When it was remembered.
        updated_at: When it last changed.
        cosine: The similarity to the query, -1..1; None where it, or the query, has no embedding yet.
    """

    id: UUID
    agent_id: UUID | None = None
    user_id: str | None = None
    tier: Tier
    category: Category
    content: str
    confidence: float
    metadata: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime
    cosine: float | None = None
