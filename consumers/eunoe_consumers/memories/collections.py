"""Handle the requests on collections and their members."""

from collections.abc import Iterable
from uuid import UUID

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.cursor import from_cursor, to_cursor
from eunoe_consumers.memories.refusal import (
    duplicate_name,
    invalid,
    not_found,
    nothing_there,
    other_version,
    shared_by_users,
)
from eunoe_consumers.postgres.collections import LockedCollection, NameTaken
from eunoe_consumers.postgres.memories import LockedMemory
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


async def create_collection(request: CreateCollectionRequest, call: Call) -> CollectionResult:
    """Make a collection."""
    if request.description == "":
        msg = "description: it is empty; leave it out where there is none"
        raise invalid(msg)
    await call.unit.introduce(call.scope)
    try:
        made = await call.unit.collections.create(request)
    except NameTaken as error:
        raise duplicate_name(f"a collection of type {request.type!r} with the name {request.name!r}") from error
    return CollectionResult(collection=await _collection(made, call))


async def get_collection(request: GetCollectionRequest, call: Call) -> CollectionResult:
    """Return a collection."""
    return CollectionResult(collection=await _collection(request.collection_id, call))


async def list_collections(request: ListCollectionsRequest, call: Call) -> CollectionPage:
    """Return a page of collections."""
    after = from_cursor(request.cursor, UUID)
    # One more than is asked for: it says whether there is another page.
    found = await call.unit.collections.read(call.scope, type_=request.type, limit=request.limit + 1, after=after)
    shown = found[: request.limit]
    cursor = to_cursor(shown[-1].created_at, shown[-1].id) if len(found) > request.limit else None
    return CollectionPage(collections=tuple(shown), cursor=cursor)


async def update_collection(request: UpdateCollectionRequest, call: Call) -> CollectionResult:
    """Change a collection's words."""
    _require_own(await _lock(request.collection_id, call, request.version), call)
    try:
        await call.unit.collections.update(request)
    except NameTaken as error:
        raise duplicate_name("another collection of that type and name") from error
    return CollectionResult(collection=await _collection(request.collection_id, call))


async def delete_collection(request: DeleteCollectionRequest, call: Call) -> CollectionDeletedResult:
    """Delete a collection; its memories stay."""
    _require_own(await _lock(request.collection_id, call, request.version), call)
    await call.unit.collections.delete(call.scope.tenant_id, request.collection_id)
    return CollectionDeletedResult(collection_id=request.collection_id)


async def add_members(request: AddMembersRequest, call: Call) -> CollectionResult:
    """Put memories into a collection."""
    collection = await _lock(request.collection_id, call)
    locked = await call.unit.memories.lock(call.scope, request.memory_ids)
    for memory_id in request.memory_ids:
        if memory_id not in locked or locked[memory_id].forgotten:
            raise not_found(memory_id)
    _require_own_members(collection, locked.values(), call)
    await call.unit.collections.add(call.scope.tenant_id, request.collection_id, request.memory_ids)
    return CollectionResult(collection=await _collection(request.collection_id, call))


async def remove_members(request: RemoveMembersRequest, call: Call) -> CollectionResult:
    """Take memories out of a collection; only those that apply to the scope can be named."""
    collection = await _lock(request.collection_id, call)
    locked = await call.unit.memories.lock(call.scope, request.memory_ids)
    _require_own_members(collection, locked.values(), call)
    await call.unit.collections.remove(call.scope.tenant_id, request.collection_id, list(locked))
    return CollectionResult(collection=await _collection(request.collection_id, call))


async def _lock(collection_id: UUID, call: Call, version: int | None = None) -> LockedCollection:
    found = await call.unit.collections.lock(call.scope, collection_id)
    if found is None:
        raise nothing_there(f"collection {collection_id}")
    if version is not None and found.version != version:
        raise other_version(f"collection {collection_id}", expected=version, found=found.version)
    return found


def _require_own(collection: LockedCollection, call: Call) -> None:
    if call.is_shared(collection.user_id):
        raise shared_by_users(f"collection {collection.id}")


def _require_own_members(collection: LockedCollection, memories: Iterable[LockedMemory], call: Call) -> None:
    """Refuse that a user's scope decides over what everybody has in a collection that everybody has."""
    if call.is_shared(collection.user_id):
        call.require_own(*memories)


async def _collection(collection_id: UUID, call: Call) -> Collection:
    found = await call.unit.collections.read(call.scope, collection_id=collection_id)
    if not found:
        raise nothing_there(f"collection {collection_id}")
    return found[0]
