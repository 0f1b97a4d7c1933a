"""Handle `admin_search`."""

from uuid import UUID

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.cursor import from_cursor, to_cursor
from eunoe_schema.memory.administration import AdminSearchRequest, AdminSearchResult
from eunoe_schema.memory.read import FoundMemory


async def admin_search(request: AdminSearchRequest, call: Call) -> AdminSearchResult:
    """Return memories of a tenant, whoever they belong to."""
    tenant, limit = call.unit.tenant, request.limit
    which = (request.tenant_id, request.statuses)
    if request.query is not None:
        vector = call.embedded[request.query].vector
        near = dict(await tenant.nearest(*which, vector, forgotten=request.forgotten, limit=limit))
        memories = await tenant.read(request.tenant_id, list(near))
        return AdminSearchResult(
            found=tuple(FoundMemory(memory=memory, distance=near[memory.id]) for memory in memories)
        )
    after = from_cursor(request.cursor, UUID)
    words = (request.words or "").split()
    # One more than is asked for: it says whether there is another page.
    newest = await tenant.containing(*which, words, forgotten=request.forgotten, limit=limit + 1, after=after)
    shown = newest[:limit]
    memories = await tenant.read(request.tenant_id, [memory_id for memory_id, _ in shown])
    return AdminSearchResult(
        found=tuple(FoundMemory(memory=memory) for memory in memories),
        cursor=to_cursor(shown[-1][1], shown[-1][0]) if len(newest) > limit else None,
    )
