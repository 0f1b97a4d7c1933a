"""What a memory has said before, and what it was made of."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import ReadRequest, Result
from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE


class MemoryVersion(ReplyModel):
    """A content that a memory has, or has had.

    Attributes:
        version: The memory's version when it got this content.
        content: The text.
        tier: The memory's tier then.
        category: Its category.
        confidence: Its confidence.
        metadata: Its metadata.
        created_at: When it got this content.
    """

    version: int
    content: str
    tier: Tier
    category: Category
    confidence: float
    metadata: dict[str, JsonValue]
    created_at: datetime


class HistoryResult(Result):
    """The answer to `history`.

    Attributes:
        memory: As it is now.
        versions: Its contents, the newest first.
        replaced: The memories that were superseded by it or merged into it, the latest first, 200 at most; `history` of
            one of them goes further back.
    """

    kind: Literal["history"] = "history"
    memory: Memory
    versions: tuple[MemoryVersion, ...] = ()
    replaced: tuple[UUID, ...] = ()


class HistoryRequest(ReadRequest[HistoryResult]):
    """Return the contents that a memory has had, the newest first, and the memories that it replaced.

    Attributes:
        memory_id: Which.
        forgotten: Also if it was forgotten.
        before: Only contents of versions before this one: the last of the page before.
        limit: How many contents at most, 1..200.
    """

    kind: Literal["history"] = "history"
    memory_id: UUID
    forgotten: bool = False
    before: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE

    @property
    def touches(self) -> frozenset[str]:
        """The memory: a change before it on the stream is seen."""
        return frozenset({f"{self.tenant_id}:{self.memory_id}"})
