"""`Curator.collections`: named sets of memories."""

from collections.abc import AsyncIterator
from typing import Unpack
from uuid import UUID

from eunoe_producers.memory.client import Options, Part, pages
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.collections import (
    AddMembersRequest,
    Collection,
    CollectionPage,
    CreateCollectionRequest,
    DeleteCollectionRequest,
    GetCollectionRequest,
    ListCollectionsRequest,
    RemoveMembersRequest,
    UpdateCollectionRequest,
)
from eunoe_schema.memory.scope import MemoryScope


class Collections(Part):
    """Creates, reads and changes collections. List their memories with `MemoryFilter(collection_id=...)`.

    Errors are those of `Curator`, with `NotFound` for a missing collection and `DuplicateName` for a name in use.
    """

    async def create(
        self, scope: MemoryScope, *, type_: str, name: str, description: str | None = None, **call: Unpack[Options]
    ) -> Collection:
        """Create a collection that belongs to the scope.

        `type_` is the kind of collection in your own words, 1..50 characters. `name` has 1..255 characters and is
        unique among the owner's collections of the same type.
        """
        result = await self._ask(
            scope, call, lambda to: CreateCollectionRequest(**to, type=type_, name=name, description=description)
        )
        return result.collection

    async def get(self, scope: MemoryScope, collection_id: UUID, **call: Unpack[Options]) -> Collection:
        """Return a collection."""
        result = await self._ask(scope, call, lambda to: GetCollectionRequest(**to, collection_id=collection_id))
        return result.collection

    async def list(
        self,
        scope: MemoryScope,
        *,
        type_: str | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        **call: Unpack[Options],
    ) -> CollectionPage:
        """Return a page of the collections that apply to the scope, newest first.

        `limit` is the size of the page, 1..200. `cursor` is the cursor of the previous page.
        """
        return await self._ask(
            scope, call, lambda to: ListCollectionsRequest(**to, type=type_, limit=limit, cursor=cursor)
        )

    async def list_all(
        self, scope: MemoryScope, *, type_: str | None = None, **call: Unpack[Options]
    ) -> AsyncIterator[Collection]:
        """Yield every collection that applies to the scope, newest first, reading page by page."""
        async for page in pages(lambda cursor: self.list(scope, type_=type_, limit=MAX_PAGE, cursor=cursor, **call)):
            for collection in page.collections:
                yield collection

    async def update(
        self,
        scope: MemoryScope,
        collection_id: UUID,
        *,
        version: int | None = None,
        type_: str | None = None,
        name: str | None = None,
        description: str | None = None,
        **call: Unpack[Options],
    ) -> Collection:
        """Change a collection. None leaves a member as it is; an empty description removes the description."""
        result = await self._ask(
            scope,
            call,
            lambda to: UpdateCollectionRequest(
                **to, collection_id=collection_id, version=version, type=type_, name=name, description=description
            ),
        )
        return result.collection

    async def delete(
        self, scope: MemoryScope, collection_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> None:
        """Delete a collection. Its memories stay."""
        await self._ask(
            scope, call, lambda to: DeleteCollectionRequest(**to, collection_id=collection_id, version=version)
        )

    async def add(
        self, scope: MemoryScope, collection_id: UUID, *memory_ids: UUID, **call: Unpack[Options]
    ) -> Collection:
        """Add 1..100 memories to a collection, all or none. A memory that is in it already stays."""
        result = await self._ask(
            scope, call, lambda to: AddMembersRequest(**to, collection_id=collection_id, memory_ids=memory_ids)
        )
        return result.collection

    async def remove(
        self, scope: MemoryScope, collection_id: UUID, *memory_ids: UUID, **call: Unpack[Options]
    ) -> Collection:
        """Remove 1..100 memories from a collection. A memory that is not in it is no error."""
        result = await self._ask(
            scope, call, lambda to: RemoveMembersRequest(**to, collection_id=collection_id, memory_ids=memory_ids)
        )
        return result.collection
