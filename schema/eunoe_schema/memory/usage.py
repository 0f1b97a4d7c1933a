"""Reports on the use of memories: returned, put into a prompt, found useful or not.

Reports are events: a client need not wait for a reply and may leave out `reply_to`.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from eunoe_schema.memory.base import OneMemoryRequest, Result, ScopedRequest
from eunoe_schema.memory.content import Share

MAX_USED = 500

Used = Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_USED)]


class UsedResult(Result):
    """The result of `retrieved`, `injected` and `feedback`."""

    kind: Literal["used"] = "used"
    memories: int
    """The number of memories that the report was counted for."""


class RetrievedRequest(ScopedRequest[UsedResult]):
    """Report that a recall, a search or a get returned memories. The consumers send it themselves."""

    kind: Literal["retrieved"] = "retrieved"
    memory_ids: Used
    """The memories, 1..500, each as often as it was returned. Memories that do not apply to the scope are ignored."""


class InjectedRequest(ScopedRequest[UsedResult]):
    """Report that memories were put into a prompt."""

    kind: Literal["injected"] = "injected"
    memory_ids: Used
    """The memories, 1..500. Memories that do not apply to the scope are ignored."""


class FeedbackRequest(OneMemoryRequest[UsedResult]):
    """Report how useful a memory was. Its usefulness moves a fifth of the way to the score."""

    kind: Literal["feedback"] = "feedback"
    score: Share
    """The score, from 0 for useless to 1 for useful."""
