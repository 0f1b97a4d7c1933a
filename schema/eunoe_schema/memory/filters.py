"""The filter of `list`, `count` and `search`."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from eunoe_schema.contract import ContractModel
from eunoe_schema.events import Metadata, Moment
from eunoe_schema.memory.content import Tags
from eunoe_schema.memory.enums import Category, Source, Status, Tier
from eunoe_schema.memory.scope import SessionRef


class MemoryFilter(ContractModel):
    """Conditions that a memory must meet, all of them. An empty list sets no condition."""

    tiers: Annotated[tuple[Tier, ...], Field(max_length=10)] = ()
    """The memory has one of these tiers."""
    categories: Annotated[tuple[Category, ...], Field(max_length=10)] = ()
    """The memory has one of these categories."""
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = (Status.ACTIVE,)
    """The memory has one of these statuses. By default, it must be active."""
    sources: Annotated[tuple[Source, ...], Field(max_length=10)] = ()
    """The memory has one of these sources."""
    tags: Tags = ()
    """The memory has all of these tags."""
    metadata: Metadata = Field(default_factory=dict)
    """The metadata contains these members, as PostgreSQL's `@>` compares them. `{"stressor": true}` ignores other
    members, `{"mood": {"calm": true}}` looks into the member `mood`, and the order of an array does not matter."""
    collection_id: UUID | None = None
    """The memory is in this collection. The collection must apply to the scope."""
    session: SessionRef | None = None
    """The memory comes from this session."""
    created_from: Moment | None = None
    """The memory was created at this time or later."""
    created_until: Moment | None = None
    """The memory was created before this time."""
    updated_from: Moment | None = None
    """The memory last changed at this time or later."""
    updated_until: Moment | None = None
    """The memory last changed before this time."""
    forgotten: bool = False
    """The memory is forgotten and not purged; by default, it must not be forgotten. With this condition, `statuses`
    means the status from before the memory was forgotten. An empty list then finds all forgotten memories."""
