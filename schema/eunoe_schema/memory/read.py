"""The requests `get`, `list`, `count` and `search`."""

from typing import Annotated, Literal

from pydantic import Field

from eunoe_schema.contract import MAX_QUERY_CHARS, ReplyModel
from eunoe_schema.memory.base import OneMemoryRequest, Page, PageRequest, ReadRequest, Result
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.memory import Memory, MemoryResult
from eunoe_schema.text import WithoutNul

MAX_FOUND = 100
DEFAULT_FOUND = 10


class MemoryPage(Page):
    """The result of `list`."""

    kind: Literal["page"] = "page"
    memories: tuple[Memory, ...] = ()
    """The memories, newest first."""


class CountResult(Result):
    """The result of `count`."""

    kind: Literal["count"] = "count"
    count: int
    """The number of memories."""


class FoundMemory(ReplyModel):
    """A memory that a search found."""

    memory: Memory
    """The memory."""
    distance: float | None = None
    """The cosine distance to the query, 0..2. It is left out in a search without a query."""


class SearchResult(Result):
    """The result of `search`."""

    kind: Literal["found"] = "found"
    found: tuple[FoundMemory, ...] = ()
    """The memories, nearest first."""


class GetRequest(OneMemoryRequest[MemoryResult], ReadRequest[MemoryResult]):
    """Return one memory. An expired memory is not found if it is active or awaits review."""

    kind: Literal["get"] = "get"
    forgotten: bool = False
    """Return the memory also if it is forgotten."""


class ListRequest(PageRequest[MemoryPage]):
    """Return a page of the memories that apply to the scope, newest first."""

    kind: Literal["list"] = "list"
    filter: MemoryFilter = MemoryFilter()
    """The conditions that a memory must meet."""


class CountRequest(ReadRequest[CountResult]):
    """Count the memories that apply to the scope."""

    kind: Literal["count"] = "count"
    filter: MemoryFilter = MemoryFilter()
    """The conditions that a memory must meet."""


class SearchRequest(ReadRequest[SearchResult]):
    """Return the memories that apply to the scope, nearest to the query first; without a query, newest first."""

    kind: Literal["search"] = "search"
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), WithoutNul] | None = None
    """The text to look for, as long as a message may be. The model reads its beginning, about 250 words."""
    filter: MemoryFilter = MemoryFilter()
    """The conditions that a memory must meet."""
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND)] = DEFAULT_FOUND
    """The number of memories, 1..100."""
    min_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None
    """The least similarity to the query, -1..1."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The query."""
        return () if self.query is None else (self.query,)
