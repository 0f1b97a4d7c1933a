"""Collections of memories and their members, within a curator's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg

from eunoe_consumers.errors import PermanentError
from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.collections import Collection, CreateCollectionRequest, UpdateCollectionRequest
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class CollectionQueries(QueryFile, file="collections"):
    """The statements of collections.sql."""

    insert_collection: str
    has_collection: str
    lock_collection: str
    read_collections: str
    update_collection: str
    delete_collection: str
    add_members: str
    remove_members: str
    touch_collection: str


class NameTaken(PermanentError):
    """The owner has another collection of that type and name."""


@dataclass(frozen=True)
class LockedCollection:
    """What has to be known of a collection before it is changed; nobody else changes it meanwhile."""

    id: UUID
    user_id: str | None
    version: int


class CollectionTable:
    """The tables `collections` and `collection_members`."""

    def __init__(self, connection: "Connection", lifetime: Lifetime) -> None:
        self._connection = connection
        self._lifetime = lifetime

    async def create(self, new: CreateCollectionRequest) -> UUID:
        """Make a collection of a known owner; return its id.

        Raises:
            NameTaken: If the owner has one of that type and name.
        """
        names = (new.agent_id, new.user_id, new.type, new.name, new.description)
        made = await self._connection.fetchval(CollectionQueries.insert_collection, new.tenant_id, uuid4(), *names)
        if made is None:
            raise NameTaken
        return made

    async def applies(self, scope: MemoryScope, collection_id: UUID) -> bool:
        """Tell whether a collection applies to the scope."""
        return await self._connection.fetchval(
            CollectionQueries.has_collection, scope.tenant_id, scope.agent_id, scope.user_id, collection_id
        )

    async def lock(self, scope: MemoryScope, collection_id: UUID) -> LockedCollection | None:
        """Lock a collection; None where none applies to the scope."""
        row = await self._connection.fetchrow(
            CollectionQueries.lock_collection, scope.tenant_id, scope.agent_id, scope.user_id, collection_id
        )
        return None if row is None else LockedCollection(collection_id, row["user_id"], row["version"])

    async def read(
        self,
        scope: MemoryScope,
        *,
        collection_id: UUID | None = None,
        type_: str | None = None,
        limit: int = 1,
        after: tuple[datetime, UUID] | None = None,
    ) -> list[Collection]:
        """Return collections that apply to a scope, the newest first.

        Args:
            scope: Whose.
            collection_id: This one only.
            type_: Of this type only.
            limit: How many at most.
            after: The last of the page before.
        """
        rows = await self._connection.fetch(
            CollectionQueries.read_collections,
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
            collection_id,
            type_,
            *(after or (None, None)),
            limit,
            *self._lifetime,
        )
        return [Collection.model_validate(dict(row)) for row in rows]

    async def update(self, change: UpdateCollectionRequest) -> None:
        """Change a locked collection.

        Raises:
            NameTaken: If the owner has another one of that type and name.
        """
        words = (change.type, change.name, change.description)
        try:
            await self._connection.execute(
                CollectionQueries.update_collection, change.tenant_id, change.collection_id, *words
            )
        except asyncpg.UniqueViolationError as error:
            raise NameTaken from error

    async def delete(self, tenant_id: UUID, collection_id: UUID) -> None:
        """Delete a locked collection; its memories stay."""
        await self._connection.execute(CollectionQueries.delete_collection, tenant_id, collection_id)

    async def add(self, tenant_id: UUID, collection_id: UUID, memory_ids: Sequence[UUID]) -> None:
        """Put locked memories into a locked collection."""
        await self._connection.execute(CollectionQueries.add_members, tenant_id, collection_id, memory_ids)
        await self._connection.execute(CollectionQueries.touch_collection, tenant_id, collection_id)

    async def remove(self, tenant_id: UUID, collection_id: UUID, memory_ids: Sequence[UUID]) -> None:
        """Take memories out of a locked collection."""
        await self._connection.execute(CollectionQueries.remove_members, tenant_id, collection_id, memory_ids)
        await self._connection.execute(CollectionQueries.touch_collection, tenant_id, collection_id)
