"""The contents that a memory has had."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE, Cursor, Question


class MemoryVersion(BaseModel):
    """A content that a memory has, or had.

    Attributes:
        version: The memory's version from which on it held; a change of anything else has a number, and no content.
        content: The text.
        content_hash: SHA-256 by which the same content is known again.
        tier: The tier it had then.
        category: The category it had then.
        confidence: The confidence it had then.
        metadata: The metadata it had then.
        created_at: When it was written.
    """

    model_config = ConfigDict(frozen=True)

    version: int
    content: str
    content_hash: str
    tier: Tier
    category: Category
    confidence: float
    metadata: dict[str, JsonValue]
    created_at: datetime


class VersionsRequest(Question):
    """Return the contents that a memory has had, the present one first, page by page.

    Attributes:
        memory_id: Of which memory; one that `get` would not find has none.
        forgotten: Also if it was forgotten.
        limit: How many at most, 1..200.
        cursor: Where to go on, from the page before.
    """

    kind: Literal["versions"] = "versions"
    memory_id: UUID
    forgotten: bool = False
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: Cursor | None = None

    @property
    def touches(self) -> frozenset[str]:
        """The memory: a change before it on the stream is seen."""
        return frozenset({f"{self.tenant_id}:{self.memory_id}"})


class VersionPage(BaseModel):
    """The answer to `versions`.

    Attributes:
        memory_id: Of which memory.
        versions: The present content first.
        cursor: Where the next page begins; None at the end.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["versions"] = "versions"
    memory_id: UUID
    versions: tuple[MemoryVersion, ...] = ()
    cursor: str | None = None
