"""The curator's part for collections: sets of memories with a name."""

from collections.abc import AsyncIterator
from uuid import UUID

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
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
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.scope import MemoryScope


class Collections:
    """`Curator.collections`; what can be raised is said there, but `NotFound` and `DuplicateName` are of collections.

    The memories of a collection are listed and searched with `MemoryFilter(collection_id=...)`.
    """

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def create(
        self,
        scope: MemoryScope,
        *,
        type_: str,
        name: str,
        description: str | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Collection:
        """Make a collection of the scope.

        Args:
            scope: To whom it belongs.
            type_: What kind of collection it is, in your own words, 1..50 characters.
            name: Its name, 1..255 characters, once among its owner's of the same type.
            description: What it is for.
            request_id: Names the request, where it may have to be repeated.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            CreateCollectionRequest, scope, request_id, deadline, type=type_, name=name, description=description
        )
        return (await self._requests.ask(request)).collection

    async def get(
        self, scope: MemoryScope, collection_id: UUID, *, deadline: float = DEFAULT_DEADLINE_SECONDS
    ) -> Collection:
        """Return a collection."""
        request = self._requests.make(GetCollectionRequest, scope, None, deadline, collection_id=collection_id)
        return (await self._requests.ask(request)).collection

    async def list(
        self,
        scope: MemoryScope,
        *,
        type_: str | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> CollectionPage:
        """Return a page of the collections that apply to the scope, the newest first.

        Args:
            scope: Whose.
            type_: Of this type only.
            limit: How many at most, 1..200.
            cursor: Where to go on: the cursor of the page before.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            ListCollectionsRequest, scope, None, deadline, type=type_, limit=limit, cursor=cursor
        )
        return await self._requests.ask(request)

    async def list_all(
        self, scope: MemoryScope, *, type_: str | None = None, deadline: float = DEFAULT_DEADLINE_SECONDS
    ) -> AsyncIterator[Collection]:
        """Yield every collection that applies to the scope, the newest first, page by page."""
        cursor = None
        while True:
            page = await self.list(scope, type_=type_, limit=MAX_PAGE, cursor=cursor, deadline=deadline)
            for collection in page.collections:
                yield collection
            if (cursor := page.cursor) is None:
                return

    async def update(
        self,
        scope: MemoryScope,
        collection_id: UUID,
        *,
        version: int | None = None,
        type_: str | None = None,
        name: str | None = None,
        description: str | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Collection:
        """Change a collection; what is not given stays, and an empty description takes it away."""
        request = self._requests.make(
            UpdateCollectionRequest,
            scope,
            request_id,
            deadline,
            collection_id=collection_id,
            version=version,
            type=type_,
            name=name,
            description=description,
        )
        return (await self._requests.ask(request)).collection

    async def delete(
        self,
        scope: MemoryScope,
        collection_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        """Delete a collection; its memories stay."""
        request = self._requests.make(
            DeleteCollectionRequest, scope, request_id, deadline, collection_id=collection_id, version=version
        )
        await self._requests.ask(request)

    async def add(
        self,
        scope: MemoryScope,
        collection_id: UUID,
        *memory_ids: UUID,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Collection:
        """Put 1..100 memories into a collection, all or none; those that are in it stay."""
        request = self._requests.make(
            AddMembersRequest, scope, request_id, deadline, collection_id=collection_id, memory_ids=memory_ids
        )
        return (await self._requests.ask(request)).collection

    async def remove(
        self,
        scope: MemoryScope,
        collection_id: UUID,
        *memory_ids: UUID,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Collection:
        """Take 1..100 memories out of a collection; those that are not in it are no error."""
        request = self._requests.make(
            RemoveMembersRequest, scope, request_id, deadline, collection_id=collection_id, memory_ids=memory_ids
        )
        return (await self._requests.ask(request)).collection
