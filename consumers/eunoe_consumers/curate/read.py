"""Handle `get`, `list` and `search`."""

from datetime import UTC, datetime
from uuid import UUID

from eunoe_consumers.curate.call import Call
from eunoe_consumers.curate.cursor import from_cursor, to_cursor
from eunoe_consumers.curate.refusal import not_found, nothing_there
from eunoe_schema.memory.change import MemoryResult
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.read import (
    FoundMemory,
    GetRequest,
    ListRequest,
    MemoryPage,
    SearchRequest,
    SearchResult,
)


async def get(request: GetRequest, call: Call) -> MemoryResult:
    """Return a memory; none that has lapsed, and one that was forgotten only where that is asked for."""
    memory = await call.memory(request.memory_id)
    if memory.deleted_at is not None and not request.forgotten:
        raise not_found(request.memory_id)
    if memory.has_lapsed(datetime.now(UTC)):
        raise not_found(request.memory_id)
    return MemoryResult(memory=memory)


async def list_(request: ListRequest, call: Call) -> MemoryPage:
    """Return a page of memories."""
    await _known_collection(request.filter, call)
    after = from_cursor(request.cursor, UUID)
    # One more than is asked for: it says whether there is another page.
    newest = await call.unit.search.newest(call.scope, request.filter, limit=request.limit + 1, after=after)
    shown = newest[: request.limit]
    memories = await call.unit.memories.read(call.scope, [memory_id for memory_id, _ in shown])
    cursor = to_cursor(shown[-1][1], shown[-1][0]) if len(newest) > request.limit else None
    return MemoryPage(memories=tuple(memories), cursor=cursor)


async def search(request: SearchRequest, call: Call) -> SearchResult:
    """Return the nearest memories; without a query the newest."""
    await _known_collection(request.filter, call)
    if request.query is None:
        newest = await call.unit.search.newest(call.scope, request.filter, limit=request.limit)
        memories = await call.unit.memories.read(call.scope, [memory_id for memory_id, _ in newest])
        return SearchResult(found=tuple(FoundMemory(memory=memory) for memory in memories))
    vector = call.embedded[request.query].vector
    near = await call.unit.search.nearest(
        call.scope, request.filter, vector, limit=request.limit, min_cosine=request.min_cosine
    )
    distances = dict(near)
    memories = await call.unit.memories.read(call.scope, list(distances))
    return SearchResult(found=tuple(FoundMemory(memory=memory, distance=distances[memory.id]) for memory in memories))


async def _known_collection(filter_: MemoryFilter, call: Call) -> None:
    """Refuse a filter by a collection that does not apply: it would tell which memories others have put into theirs."""
    collection_id = filter_.collection_id
    if collection_id is not None and not await call.unit.collections.applies(call.scope, collection_id):
        raise nothing_there(f"collection {collection_id}")
