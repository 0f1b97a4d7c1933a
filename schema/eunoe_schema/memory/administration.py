"""An administrator's search of a whole tenant, whoever the memories belong to."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from eunoe_schema.limits import MAX_QUERY_CHARS
from eunoe_schema.memory.base import Request, Result
from eunoe_schema.memory.content import NotBlank
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.read import DEFAULT_FOUND, MAX_FOUND, Cursor, FoundMemory
from eunoe_schema.text import WithoutNul

WORDS_CHARS = 500


class AdminSearchResult(Result):
    """The answer to `admin_search`.

    Attributes:
        found: The newest or the nearest first.
        cursor: Where the next page begins; None at the end.
    """

    kind: Literal["admin_found"] = "admin_found"
    found: tuple[FoundMemory, ...] = ()
    cursor: str | None = None


class AdminSearchRequest(Request[AdminSearchResult]):
    """Search the memories of every agent and user of a tenant, those that have lapsed too.

    It crosses every scope within the tenant: let administrators ask it, and nobody's agent.

    Attributes:
        words: Each of them stands somewhere in the content, in any case; the newest memory first, page by page.
        query: Or what to look for by meaning; the nearest first. The search is approximate.
        statuses: Any of these; every status where it is empty.
        forgotten: Those that were forgotten and not purged yet, instead of those that are remembered.
        limit: How many at most, 1..100.
        cursor: With `words`: where to go on, from the page before.
    """

    changes: ClassVar[bool] = False

    kind: Literal["admin_search"] = "admin_search"
    words: Annotated[str, Field(min_length=1, max_length=WORDS_CHARS), WithoutNul, NotBlank] | None = None
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY_CHARS), WithoutNul] | None = None
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = ()
    forgotten: bool = False
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND)] = DEFAULT_FOUND
    cursor: Cursor | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.words is None) == (self.query is None):
            msg = "give either words, which the content holds, or query, which it is near to"
            raise ValueError(msg)
        if self.query is not None and self.cursor is not None:
            msg = "cursor goes with words: the nearest memories have one page"
            raise ValueError(msg)
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """The query."""
        return () if self.query is None else (self.query,)
