"""Collections: named sets of memories."""

from datetime import datetime
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import (
    Page,
    PageRequest,
    ReadRequest,
    Result,
    ResultT_co,
    ScopedRequest,
    VersionedRequest,
)
from eunoe_schema.text import NotBlank, WithoutNul

TYPE_CHARS = 50
NAME_CHARS = 255
DESCRIPTION_CHARS = 8_192
MAX_MEMBERS = 100

CollectionType = Annotated[str, Field(min_length=1, max_length=TYPE_CHARS), WithoutNul, NotBlank]
CollectionName = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), WithoutNul, NotBlank]
Description = Annotated[str, Field(max_length=DESCRIPTION_CHARS), WithoutNul]


class Collection(ReplyModel):
    """A named set of memories. Like a memory, it has an owner. Its memories may have other owners."""

    id: UUID
    """The id, unique within the tenant."""
    agent_id: UUID | None = None
    """The agent that owns it. It is left out if the collection is for every agent."""
    user_id: str | None = None
    """The user that owns it. It is left out if the collection is for every user."""
    type: str
    """The kind of collection, in the owner's words."""
    name: str
    """The name, unique among the owner's collections of the same type."""
    description: str | None = None
    """The purpose."""
    members: int
    """The number of its memories that apply to the scope and are neither forgotten nor expired."""
    version: int
    """Rises with each change of type, name or description."""
    created_at: datetime
    """When the collection was created."""
    updated_at: datetime
    """When the collection or its members last changed."""


class CollectionResult(Result):
    """The result of a request on one collection."""

    kind: Literal["collection"] = "collection"
    collection: Collection
    """The collection after the request."""


class CollectionPage(Page):
    """The result of `list_collections`."""

    kind: Literal["collections"] = "collections"
    collections: tuple[Collection, ...] = ()
    """The collections, newest first."""


class CollectionDeletedResult(Result):
    """The result of `delete_collection`."""

    kind: Literal["collection_deleted"] = "collection_deleted"
    collection_id: UUID
    """The deleted collection."""


class CreateCollectionRequest(ScopedRequest[CollectionResult]):
    """Create a collection that belongs to the scope."""

    kind: Literal["create_collection"] = "create_collection"
    type: CollectionType
    """The kind of collection, in your own words, 1..50 characters."""
    name: CollectionName
    """The name, 1..255 characters, unique among the owner's collections of the same type."""
    description: Description | None = None
    """The purpose, at most 8,192 characters."""


class ListCollectionsRequest(PageRequest[CollectionPage]):
    """Return a page of the collections that apply to the scope, newest first."""

    kind: Literal["list_collections"] = "list_collections"
    type: CollectionType | None = None
    """Return only collections of this type."""


class _CollectionRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A request on one collection."""

    collection_id: UUID
    """The collection."""

    @property
    def touches(self) -> frozenset[str]:
        """The collection."""
        return self._within_tenant(self.collection_id)


class GetCollectionRequest(_CollectionRequest[CollectionResult], ReadRequest[CollectionResult]):
    """Return one collection. To read its memories, use `list` with a filter by `collection_id`."""

    kind: Literal["get_collection"] = "get_collection"


class UpdateCollectionRequest(_CollectionRequest[CollectionResult], VersionedRequest[CollectionResult]):
    """Change the type, the name or the description of a collection."""

    kind: Literal["update_collection"] = "update_collection"
    type: CollectionType | None = None
    """The new type."""
    name: CollectionName | None = None
    """The new name."""
    description: Description | None = None
    """The new description. An empty one removes the description."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.type is None and self.name is None and self.description is None:
            raise ValueError("nothing to update: give type, name or description")
        return self


class DeleteCollectionRequest(_CollectionRequest[CollectionDeletedResult], VersionedRequest[CollectionDeletedResult]):
    """Delete a collection. Its memories stay."""

    kind: Literal["delete_collection"] = "delete_collection"


class _MembersRequest(_CollectionRequest[CollectionResult]):
    """A change of the memories in a collection."""

    memory_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MAX_MEMBERS)]
    """The memories, 1..100."""

    @property
    def touches(self) -> frozenset[str]:
        """The collection and the memories."""
        return self._within_tenant(self.collection_id, *self.memory_ids)


class AddMembersRequest(_MembersRequest):
    """Add memories to a collection, all or none. A memory that is in it already stays."""

    kind: Literal["add_members"] = "add_members"


class RemoveMembersRequest(_MembersRequest):
    """Remove memories from a collection. A memory that is not in it is no error."""

    kind: Literal["remove_members"] = "remove_members"
