"""Which memories are listed or searched."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from eunoe_schema.contract import ContractModel
from eunoe_schema.events import Metadata, Moment
from eunoe_schema.memory.content import Tags
from eunoe_schema.memory.enums import Category, Source, Status, Tier
from eunoe_schema.memory.scope import SessionRef


class MemoryFilter(ContractModel):
    """Every condition that is given must hold; an empty one holds for all.

    Attributes:
        tiers: Any of these.
        categories: Any of these.
        statuses: Any of these; `active` where nothing is said, every status where it is empty.
        sources: Any of these.
        tags: All of these.
        metadata: Contained in the memory's, as jsonb's `@>` has it: `{"stressor": true}` finds it among other members,
            `{"mood": {"calm": true}}` within the member `mood`, and an array holds what it holds in any order.
        collection_id: A member of this collection, which must apply to the scope.
        session: Came from this session.
        created_from: Remembered at this moment or later.
        created_until: Remembered before this moment.
        updated_from: Changed last at this moment or later.
        updated_until: Changed last before this moment.
        forgotten: Those that were forgotten and not purged yet, instead of those that are remembered; `statuses` is of
            what they were, so let it be empty to see all of them.
    """

    tiers: Annotated[tuple[Tier, ...], Field(max_length=10)] = ()
    categories: Annotated[tuple[Category, ...], Field(max_length=10)] = ()
    statuses: Annotated[tuple[Status, ...], Field(max_length=10)] = (Status.ACTIVE,)
    sources: Annotated[tuple[Source, ...], Field(max_length=10)] = ()
    tags: Tags = ()
    metadata: Metadata = Field(default_factory=dict)
    collection_id: UUID | None = None
    session: SessionRef | None = None
    created_from: Moment | None = None
    created_until: Moment | None = None
    updated_from: Moment | None = None
    updated_until: Moment | None = None
    forgotten: bool = False
