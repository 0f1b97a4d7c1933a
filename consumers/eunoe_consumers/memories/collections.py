"""Collections of memories and their members."""

from collections.abc import Iterable
from uuid import UUID, uuid4

import asyncpg

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.pages import after, page_of
from eunoe_consumers.memories.refusals import (
    duplicate_name,
    invalid,
    missing,
    not_found,
    shared_by_users,
    version_conflict,
)
from eunoe_consumers.memories.table import LockedMemory
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.collections import (
    AddMembersRequest,
    Collection,
    CollectionDeletedResult,
    CollectionPage,
    CollectionResult,
    CreateCollectionRequest,
    DeleteCollectionRequest,
    GetCollectionRequest,
    ListCollectionsRequest,
    RemoveMembersRequest,
    UpdateCollectionRequest,
)


class CollectionQueries(QueryFile, file="collections"):
    """Statements on the tables `collections` and `collection_members`."""

    insert_collection: Statement
    lock_collection: Statement
    read_collections: Statement
    update_collection: Statement
    delete_collection: Statement
    add_members: Statement
    remove_members: Statement
    touch_collection: Statement


@handles(CreateCollectionRequest)
async def create_collection(request: CreateCollectionRequest, call: Call) -> CollectionResult:
    """Create a collection of the scope."""
    if request.description == "":
        raise invalid("description: it is empty; leave it out where there is none")
    await table.ensure_exists(call.db, call.scope)
    collection_id = await call.db.fetchval(
        CollectionQueries.insert_collection,
        new_id=uuid4(),
        type=request.type,
        name=request.name,
        description=request.description,
    )
    if collection_id is None:
        raise duplicate_name(f"a collection of type {request.type!r} with the name {request.name!r}")
    return await _result(collection_id, call)


@handles(GetCollectionRequest)
async def get_collection(request: GetCollectionRequest, call: Call) -> CollectionResult:
    """Return a collection."""
    return await _result(request.collection_id, call)


@handles(ListCollectionsRequest)
async def list_collections(request: ListCollectionsRequest, call: Call) -> CollectionPage:
    """Return a page of collections."""
    rows = await call.db.fetch(
        CollectionQueries.read_collections,
        id=None,
        type=request.type,
        **after(request.cursor, UUID),
        limit=request.limit + 1,
    )
    found = [Collection.model_validate(dict(row)) for row in rows]
    shown, cursor = page_of(found, request.limit, lambda collection: (collection.created_at, collection.id))
    return CollectionPage(collections=shown, cursor=cursor)


@handles(UpdateCollectionRequest)
async def update_collection(request: UpdateCollectionRequest, call: Call) -> CollectionResult:
    """Change the type, the name or the description of a collection."""
    await _lock_own(request.collection_id, call, request.version)
    try:
        await call.db.execute(
            CollectionQueries.update_collection,
            id=request.collection_id,
            type=request.type,
            name=request.name,
            description=request.description,
        )
    except asyncpg.UniqueViolationError as error:
        raise duplicate_name("another collection of that type and name") from error
    return await _result(request.collection_id, call)


@handles(DeleteCollectionRequest)
async def delete_collection(request: DeleteCollectionRequest, call: Call) -> CollectionDeletedResult:
    """Delete a collection; its memories stay."""
    await _lock_own(request.collection_id, call, request.version)
    await call.db.execute(CollectionQueries.delete_collection, id=request.collection_id)
    return CollectionDeletedResult(collection_id=request.collection_id)


@handles(AddMembersRequest)
async def add_members(request: AddMembersRequest, call: Call) -> CollectionResult:
    """Put memories into a collection."""
    owner_user_id = await _lock(request.collection_id, call)
    locked = await table.lock(call.db, call.scope, request.memory_ids)
    for memory_id in request.memory_ids:
        if memory_id not in locked or locked[memory_id].forgotten:
            raise not_found(memory_id)
    _require_own_members(owner_user_id, locked.values(), call)
    return await _change_members(CollectionQueries.add_members, request.collection_id, request.memory_ids, call)


@handles(RemoveMembersRequest)
async def remove_members(request: RemoveMembersRequest, call: Call) -> CollectionResult:
    """Take memories out of a collection. Ids of memories that do not apply to the scope are ignored."""
    owner_user_id = await _lock(request.collection_id, call)
    locked = await table.lock(call.db, call.scope, request.memory_ids)
    _require_own_members(owner_user_id, locked.values(), call)
    return await _change_members(CollectionQueries.remove_members, request.collection_id, locked, call)


async def _change_members(
    statement: Statement, collection_id: UUID, memory_ids: Iterable[UUID], call: Call
) -> CollectionResult:
    await call.db.execute(statement, id=collection_id, memory_ids=list(memory_ids))
    await call.db.execute(CollectionQueries.touch_collection, id=collection_id)
    return await _result(collection_id, call)


async def _lock(collection_id: UUID, call: Call, version: int | None = None) -> str | None:
    """Lock a collection that applies to the scope, and return the user of its owner."""
    found = await call.db.fetchrow(CollectionQueries.lock_collection, id=collection_id)
    if found is None:
        raise missing(f"collection {collection_id}")
    if version is not None and found["version"] != version:
        raise version_conflict(f"collection {collection_id}", expected=version, found=found["version"])
    return found["user_id"]


async def _lock_own(collection_id: UUID, call: Call, version: int | None) -> None:
    """Lock a collection, and refuse to change a shared one in the scope of one user."""
    if call.is_shared(await _lock(collection_id, call, version)):
        raise shared_by_users(f"collection {collection_id}")


def _require_own_members(owner_user_id: str | None, memories: Iterable[LockedMemory], call: Call) -> None:
    """Refuse to add or remove shared memories of a shared collection in the scope of one user."""
    if call.is_shared(owner_user_id):
        call.require_own(*memories)


async def _result(collection_id: UUID, call: Call) -> CollectionResult:
    row = await call.db.fetchrow(
        CollectionQueries.read_collections, id=collection_id, type=None, **after(None, UUID), limit=1
    )
    if row is None:
        raise missing(f"collection {collection_id}")
    return CollectionResult(collection=Collection.model_validate(dict(row)))
