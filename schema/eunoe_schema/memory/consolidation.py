"""Consolidation: groups of old, related memories are offered; a caller replaces them by a summary with `merge`."""

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
    """Memories with similar contents, which a summary could replace."""

    memories: tuple[Memory, ...]
    """The memories, 2..20, oldest first."""
    min_cosine: float
    """The lowest similarity of a memory to the oldest one, -1..1."""


class ConsolidationGroupsResult(Result):
    """The result of `consolidation_groups`."""

    kind: Literal["consolidation_groups"] = "consolidation_groups"
    groups: tuple[ConsolidationGroup, ...] = ()
    """The groups. The group with the oldest memory comes first."""


class ConsolidationGroupsRequest(ReadRequest[ConsolidationGroupsResult]):
    """Return groups of old memories with similar contents, each of one owner and tier.

    Only the 1,000 oldest of the active memories that apply to the scope are compared. A group is an old memory with
    the memories near to it. A memory is in one group at most.
    """

    kind: Literal["consolidation_groups"] = "consolidation_groups"
    older_than_days: Annotated[int, Field(ge=0, le=36_500)] = DEFAULT_AGE_DAYS
    """The least age of a memory in days."""
    min_cosine: Annotated[float, Field(ge=-1, le=1)] = DEFAULT_COSINE
    """The least similarity to the oldest memory of the group, -1..1."""
    tiers: Annotated[tuple[Tier, ...], Field(max_length=10)] = ()
    """The tiers to look at. An empty list stands for all of them."""
    limit: Annotated[int, Field(ge=1, le=MAX_GROUPS)] = DEFAULT_GROUPS
    """The number of groups, 1..50."""
