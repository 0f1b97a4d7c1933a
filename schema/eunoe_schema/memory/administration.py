"""The search of an administrator in a whole tenant."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from eunoe_schema.contract import MAX_QUERY_CHARS
from eunoe_schema.memory.base import Cursor, Page, Request
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.read import DEFAULT_FOUND, MAX_FOUND, FoundMemory
from eunoe_schema.text import NotBlank, WithoutNul

WORDS_CHARS = 500


class AdminSearchResult(Page):
    """The result of `admin_search`."""

    kind: Literal["admin_found"] = "admin_found"
    found: tuple[FoundMemory, ...] = ()
    """The memories, newest first for `words`, nearest first for `query`."""


class AdminSearchRequest(Request[AdminSearchResult]):
    """Search the memories of all agents and users of a tenant, expired ones included.

    The search crosses every scope of the tenant: allow it to administrators, never to an agent.
    """

    changes: ClassVar[bool] = False

    kind: Literal["admin_search"] = "admin_search"
    words: Annotated[str, Field(min_length=1, max_length=WORDS_CHARS), WithoutNul, NotBlank] | None = None
    """Words that the content must contain, all of them, in upper or lower case. The newest memory comes first."""
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), WithoutNul] | None = None
    """A text to search by meaning, instead of `words`. The nearest memory comes first. The search is approximate."""
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = ()
    """The statuses to search. An empty list stands for all of them."""
    forgotten: bool = False
    """Search the forgotten memories that are not purged, instead of the others."""
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND)] = DEFAULT_FOUND
    """The number of memories, 1..100."""
    cursor: Cursor | None = None
    """The cursor of the previous page, for a search by `words`."""

    @model_validator(mode="after")
    def _searches_one_way(self) -> Self:
        if (self.words is None) == (self.query is None):
            raise ValueError("give either words, to find them in the content, or query, to search by meaning")
        if self.query is not None and self.cursor is not None:
            raise ValueError("cursor is for a search by words; a search by query has one page")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The query."""
        return () if self.query is None else (self.query,)
