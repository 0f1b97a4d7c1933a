"""The history of a memory: its earlier contents, and the memories that it replaced."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE, MAX_VERSION, OneMemoryRequest, ReadRequest, Result
from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.memory import Memory


class MemoryVersion(ReplyModel):
    """A content that a memory has or had."""

    version: int
    """The version of the memory when it got this content."""
    content: str
    """The content."""
    tier: Tier
    """The tier at that time."""
    category: Category
    """The category at that time."""
    confidence: float
    """The confidence at that time."""
    metadata: dict[str, JsonValue]
    """The metadata at that time."""
    created_at: datetime
    """When the memory got this content."""


class HistoryResult(Result):
    """The result of `history`."""

    kind: Literal["history"] = "history"
    memory: Memory
    """The memory as it is now."""
    versions: tuple[MemoryVersion, ...] = ()
    """Its contents, newest first."""
    replaced: tuple[UUID, ...] = ()
    """The memories that it superseded or that were merged into it, latest first, at most 200. Request the `history` of
    one of them to go further back."""


class HistoryRequest(OneMemoryRequest[HistoryResult], ReadRequest[HistoryResult]):
    """Return the contents that a memory has had, newest first, and the memories that it replaced."""

    kind: Literal["history"] = "history"
    forgotten: bool = False
    """Return the history also if the memory is forgotten."""
    before: Annotated[int, Field(ge=1, le=MAX_VERSION)] | None = None
    """Return only versions before this one: the last version of the previous page."""
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    """The number of contents, 1..200."""
