"""What became of memories that were returned: recalled, put into a prompt, found useful or not.

Events rather than questions: whoever tells them need not wait, so that they have no `reply_to` as a rule.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from eunoe_schema.memory.base import Result, ScopedRequest
from eunoe_schema.memory.content import Share

MAX_USED = 500

Used = Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_USED)]


class UsedResult(Result):
    """The answer to `retrieved`, `injected` and `feedback`, for those who ask for one.

    Attributes:
        memories: How many memories it was noted of.
    """

    kind: Literal["used"] = "used"
    memories: int


class RetrievedRequest(ScopedRequest[UsedResult]):
    """Memories were returned by a recall, a search or a get; the consumers themselves tell it.

    Attributes:
        memory_ids: 1..500 of them, one as often as it was returned. What does not apply to the scope is passed over.
    """

    kind: Literal["retrieved"] = "retrieved"
    memory_ids: Used


class InjectedRequest(ScopedRequest[UsedResult]):
    """Memories were put into a prompt.

    Attributes:
        memory_ids: 1..500 of them. What does not apply to the scope is passed over.
    """

    kind: Literal["injected"] = "injected"
    memory_ids: Used


class FeedbackRequest(ScopedRequest[UsedResult]):
    """A memory helped, or did not: its usefulness moves by a fifth of the way to the score.

    Attributes:
        memory_id: Which.
        score: How useful it was, 0 (not at all) to 1.
    """

    kind: Literal["feedback"] = "feedback"
    memory_id: UUID
    score: Share

    @property
    def touches(self) -> frozenset[str]:
        """The memory: scores count in the order in which they were given."""
        return frozenset({f"{self.tenant_id}:{self.memory_id}"})
