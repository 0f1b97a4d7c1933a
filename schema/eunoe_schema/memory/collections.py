"""Collections of memories: made, read, changed, deleted; and their members."""

from datetime import datetime
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import ReadRequest, Result, ResultT_co, ScopedRequest, Version
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE, Cursor
from eunoe_schema.text import WithoutNul

TYPE_CHARS = 50
NAME_CHARS = 255
DESCRIPTION_CHARS = 8_192
MAX_MEMBERS = 100

CollectionType = Annotated[str, Field(min_length=1, max_length=TYPE_CHARS), WithoutNul]
CollectionName = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), WithoutNul]
Description = Annotated[str, Field(max_length=DESCRIPTION_CHARS), WithoutNul]


class Collection(ReplyModel):
    """A set of memories with a name. It belongs to somebody as a memory does, and may hold memories of others.

    Attributes:
        id: Its id within the tenant.
        agent_id: The agent; None for every agent.
        user_id: The user; None for every user.
        type: What kind of collection it is, in your own words, 1..50 characters.
        name: Its name, 1..255 characters, once among its owner's of the same type.
        description: What it is for.
        members: How many of its memories apply to the scope that asks, are not forgotten and have not lapsed.
        version: Rises with each change of type, name or description.
        created_at: When it was made.
        updated_at: When it, or its members, last changed.
    """

    id: UUID
    agent_id: UUID | None = None
    user_id: str | None = None
    type: str
    name: str
    description: str | None = None
    members: int
    version: int
    created_at: datetime
    updated_at: datetime


class CollectionResult(Result):
    """The answer to a request on one collection.

    Attributes:
        collection: As it is now.
    """

    kind: Literal["collection"] = "collection"
    collection: Collection


class CollectionPage(Result):
    """The answer to `list_collections`.

    Attributes:
        collections: The newest first.
        cursor: Where the next page begins; None at the end.
    """

    kind: Literal["collections"] = "collections"
    collections: tuple[Collection, ...] = ()
    cursor: str | None = None


class CollectionDeletedResult(Result):
    """The answer to `delete_collection`.

    Attributes:
        collection_id: What is gone.
    """

    kind: Literal["collection_deleted"] = "collection_deleted"
    collection_id: UUID


class CreateCollectionRequest(ScopedRequest[CollectionResult]):
    """Make a collection of the scope.

    Attributes:
        type: What kind of collection it is, in your own words, 1..50 characters.
        name: Its name, 1..255 characters, once among its owner's of the same type.
        description: What it is for.
    """

    kind: Literal["create_collection"] = "create_collection"
    type: CollectionType
    name: CollectionName
    description: Description | None = None


class GetCollectionRequest(ReadRequest[CollectionResult]):
    """Return one collection; `list` with a filter by `collection_id` returns its memories.

    Attributes:
        collection_id: Which.
    """

    kind: Literal["get_collection"] = "get_collection"
    collection_id: UUID

    @property
    def touches(self) -> frozenset[str]:
        """The collection: a change before it on the stream is seen."""
        return frozenset({f"{self.tenant_id}:{self.collection_id}"})


class ListCollectionsRequest(ReadRequest[CollectionPage]):
    """Return collections that apply to the scope, the newest first, page by page.

    Attributes:
        type: Of this type only.
        limit: How many at most, 1..200.
        cursor: Where to go on, from the page before.
    """

    kind: Literal["list_collections"] = "list_collections"
    type: CollectionType | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: Cursor | None = None


class _CollectionChange(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A change of one collection.

    Attributes:
        collection_id: Which.
    """

    collection_id: UUID

    @property
    def touches(self) -> frozenset[str]:
        """The collection."""
        return frozenset({f"{self.tenant_id}:{self.collection_id}"})


class UpdateCollectionRequest(_CollectionChange[CollectionResult]):
    """Change a collection; what is not given stays.

    Attributes:
        version: The version that the caller has seen; refused where it is another by now. None: whatever it is.
        type: Another type.
        name: Another name.
        description: Another description; an empty one takes it away.
    """

    kind: Literal["update_collection"] = "update_collection"
    version: Version | None = None
    type: CollectionType | None = None
    name: CollectionName | None = None
    description: Description | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.type is None and self.name is None and self.description is None:
            msg = "nothing to update: give type, name or description"
            raise ValueError(msg)
        return self


class DeleteCollectionRequest(_CollectionChange[CollectionDeletedResult]):
    """Delete a collection; its memories stay.

    Attributes:
        version: The version that the caller has seen; refused where it is another by now. None: whatever it is.
    """

    kind: Literal["delete_collection"] = "delete_collection"
    version: Version | None = None


class _MembersChange(_CollectionChange[ResultT_co], Generic[ResultT_co]):
    """A change of a collection's members.

    Attributes:
        memory_ids: 1..100 memories.
    """

    memory_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_MEMBERS)]

    @property
    def touches(self) -> frozenset[str]:
        """The collection and the memories."""
        return frozenset(f"{self.tenant_id}:{touched}" for touched in (self.collection_id, *self.memory_ids))


class AddMembersRequest(_MembersChange[CollectionResult]):
    """Put memories into a collection, all or none; those that are in it stay."""

    kind: Literal["add_members"] = "add_members"


class RemoveMembersRequest(_MembersChange[CollectionResult]):
    """Take memories out of a collection; those that are not in it are no error."""

    kind: Literal["remove_members"] = "remove_members"
