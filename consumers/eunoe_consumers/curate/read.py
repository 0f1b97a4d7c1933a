"""Handle `get`, `list` and `search`."""

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from eunoe_consumers.curate.call import Call
from eunoe_consumers.curate.refusal import invalid, not_found
from eunoe_schema.memory.change import MemoryResult
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
    after = None if request.cursor is None else _parse_cursor(request.cursor)
    # One more than is asked for: it says whether there is another page.
    newest = await call.unit.search.newest(call.scope, request.filter, limit=request.limit + 1, after=after)
    shown = newest[: request.limit]
    memories = await call.unit.memories.read(call.scope, [memory_id for memory_id, _ in shown])
    cursor = _cursor(*shown[-1]) if len(newest) > request.limit else None
    return MemoryPage(memories=tuple(memories), cursor=cursor)


async def search(request: SearchRequest, call: Call) -> SearchResult:
    """Return the nearest memories; without a query the newest."""
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


def _cursor(memory_id: UUID, created_at: datetime) -> str:
    """Return a page's end as text that nobody takes for more than that."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()} {memory_id}".encode()).decode()


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        moment, _, memory_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        parsed = datetime.fromisoformat(moment), UUID(memory_id)
    except (ValueError, binascii.Error) as error:
        msg = f"cursor: {cursor!r} is not one that a page came with: begin again without"
        raise invalid(msg) from error
    if parsed[0].tzinfo is None:
        msg = f"cursor: {cursor!r} is not one that a page came with: begin again without"
        raise invalid(msg)
    return parsed
