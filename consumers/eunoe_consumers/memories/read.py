"""Handle `get`, `history`, `list` and `search`."""

from datetime import UTC, datetime
from uuid import UUID

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.cursor import from_cursor, to_cursor
from eunoe_consumers.memories.refusal import not_found, nothing_there
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.history import HistoryRequest, HistoryResult
from eunoe_schema.memory.memory import Memory, MemoryResult
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
    return MemoryResult(memory=await _readable(request.memory_id, call, forgotten=request.forgotten))


async def history(request: HistoryRequest, call: Call) -> HistoryResult:
    """Return what a memory has said before, and which memories it replaced."""
    memory = await _readable(request.memory_id, call, forgotten=request.forgotten)
    table = call.unit.history
    versions = await table.versions(request.tenant_id, memory.id, before=request.before, limit=request.limit)
    return HistoryResult(memory=memory, versions=versions, replaced=tuple(await table.replaced(call.scope, memory.id)))


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


async def _readable(memory_id: UUID, call: Call, *, forgotten: bool) -> Memory:
    memory = await call.memory(memory_id)
    if memory.deleted_at is not None and not forgotten:
        raise not_found(memory_id)
    if memory.has_lapsed(datetime.now(UTC)):
        raise not_found(memory_id)
    return memory


async def _known_collection(filter_: MemoryFilter, call: Call) -> None:
    """Refuse a filter by a collection that does not apply: it would tell which memories others have put into theirs."""
    collection_id = filter_.collection_id
    if collection_id is not None and not await call.unit.collections.applies(call.scope, collection_id):
        raise nothing_there(f"collection {collection_id}")
