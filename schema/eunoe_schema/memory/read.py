"""Get, list and search."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from eunoe_schema.contract import ReplyModel
from eunoe_schema.limits import MAX_QUERY_CHARS
from eunoe_schema.memory.base import ReadRequest, Result
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.memory import Memory, MemoryResult
from eunoe_schema.text import WithoutNul

MAX_PAGE = 200
DEFAULT_PAGE = 50
MAX_FOUND = 100
DEFAULT_FOUND = 10

Cursor = Annotated[str, Field(min_length=1, max_length=100), WithoutNul]


class MemoryPage(Result):
    """The answer to `list`.

    Attributes:
        memories: The newest first.
        cursor: Where the next page begins; None at the end.
    """

    kind: Literal["page"] = "page"
    memories: tuple[Memory, ...] = ()
    cursor: str | None = None


class FoundMemory(ReplyModel):
    """A memory that was found.

    Attributes:
        memory: The memory.
        distance: Its cosine distance to the query, 0..2; None where nothing was asked for.
    """

    memory: Memory
    distance: float | None = None


class SearchResult(Result):
    """The answer to `search`.

    Attributes:
        found: The nearest first.
    """

    kind: Literal["found"] = "found"
    found: tuple[FoundMemory, ...] = ()


class GetRequest(ReadRequest[MemoryResult]):
    """Return one memory. One that is active or awaits review and has lapsed is not found, as nothing finds it.

    Attributes:
        memory_id: Which.
        forgotten: Also if it was forgotten.
    """

    kind: Literal["get"] = "get"
    memory_id: UUID
    forgotten: bool = False

    @property
    def touches(self) -> frozenset[str]:
        """The memory: a change before it on the stream is seen."""
        return frozenset({f"{self.tenant_id}:{self.memory_id}"})


class ListRequest(ReadRequest[MemoryPage]):
    """Return memories that apply to the scope, the newest first, page by page.

    Attributes:
        filter: Which.
        limit: How many at most, 1..200.
        cursor: Where to go on, from the page before.
    """

    kind: Literal["list"] = "list"
    filter: MemoryFilter = MemoryFilter()
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: Cursor | None = None


class SearchRequest(ReadRequest[SearchResult]):
    """Return memories that apply to the scope, the nearest to a query first; without a query the newest.

    Attributes:
        query: What to look for, 1..8,192 characters.
        filter: Among which.
        limit: How many at most, 1..100.
        min_cosine: Leave out what is less similar than this, -1..1.
    """

    kind: Literal["search"] = "search"
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), WithoutNul] | None = None
    filter: MemoryFilter = MemoryFilter()
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND)] = DEFAULT_FOUND
    min_cosine: Annotated[float, Field(ge=-1, le=1)] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The query."""
        return () if self.query is None else (self.query,)
