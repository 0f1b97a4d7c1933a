"""Consolidation: groups of old related memories are offered, and merged into the caller's summary (`merge`)."""

from typing import Annotated, Literal

from pydantic import Field

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import ReadRequest, Result
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.memory import Memory

DEFAULT_AGE_DAYS = 7
DEFAULT_COSINE = 0.6
DEFAULT_GROUPS = 10
MAX_GROUPS = 50
MAX_MEMBERS = 20


class ConsolidationGroup(ReplyModel):
    """Memories that could be one.

    Attributes:
        memories: 2..20 of them, the oldest first.
        min_cosine: The least similarity of one of them to the oldest, -1..1.
    """

    memories: tuple[Memory, ...]
    min_cosine: float


class ConsolidationGroupsResult(Result):
    """The answer to `consolidation_groups`.

    Attributes:
        groups: The one with the oldest memory first.
    """

    kind: Literal["consolidation_groups"] = "consolidation_groups"
    groups: tuple[ConsolidationGroup, ...] = ()


class ConsolidationGroupsRequest(ReadRequest[ConsolidationGroupsResult]):
    """Return groups of old memories that speak of the same, each of one owner and tier, the oldest first.

    Of the active memories that apply to the scope the 1,000 oldest are looked at. A group is an old memory with those
    that are near to it; a memory is in one group at most.

    Attributes:
        older_than_days: How old its memories are at least.
        min_cosine: How near to the oldest one the others are at least, -1..1.
        tiers: Only of these; every tier where it is empty.
        limit: How many groups at most, 1..50.
    """

    kind: Literal["consolidation_groups"] = "consolidation_groups"
    older_than_days: Annotated[int, Field(ge=0, le=36_500)] = DEFAULT_AGE_DAYS
    min_cosine: Annotated[float, Field(ge=-1, le=1)] = DEFAULT_COSINE
    tiers: Annotated[tuple[Tier, ...], Field(max_length=10)] = ()
    limit: Annotated[int, Field(ge=1, le=MAX_GROUPS)] = DEFAULT_GROUPS
