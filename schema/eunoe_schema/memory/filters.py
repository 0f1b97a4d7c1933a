"""The filter of `list` and `search`."""

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
    """One of these tiers."""
    categories: Annotated[tuple[Category, ...], Field(max_length=10)] = ()
    """One of these categories."""
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = (Status.ACTIVE,)
    """One of these statuses. By default, a memory must be active."""
    sources: Annotated[tuple[Source, ...], Field(max_length=10)] = ()
    """One of these sources."""
    tags: Tags = ()
    """All of these tags."""
    metadata: Metadata = Field(default_factory=dict)
    """Members that the metadata must hold, compared as jsonb's `@>` does. `{"stressor": true}` ignores other members,
    `{"mood": {"calm": true}}` looks into the member `mood`, and the order of an array does not matter."""
    collection_id: UUID | None = None
    """A member of this collection. The collection must apply to the scope."""
    session: SessionRef | None = None
    """Remembered from this session."""
    created_from: Moment | None = None
    """Remembered at this time or later."""
    created_until: Moment | None = None
    """Remembered before this time."""
    updated_from: Moment | None = None
    """Last changed at this time or later."""
    updated_until: Moment | None = None
    """Last changed before this time."""
    forgotten: bool = False
    """Forgotten and not purged, in place of not forgotten. `statuses` then means the status before the memory was
    forgotten; an empty list finds all forgotten memories."""
