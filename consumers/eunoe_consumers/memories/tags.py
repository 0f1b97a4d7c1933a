"""`tag` and `untag`: change the tags of a memory."""

from collections.abc import Sequence
from uuid import UUID

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.refusals import invalid
from eunoe_consumers.postgres.memory_connection import MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.change import TagRequest, UntagRequest
from eunoe_schema.memory.content import MAX_TAGS
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.status_machine import Action


class TagQueries(QueryFile, file="memory_tags"):
    """Statements on the table `memory_tags`."""

    add_tags: Statement
    remove_tags: Statement
    count_tags: Statement


async def add_tags(db: MemoryConnection, memory_id: UUID, tags: Sequence[str]) -> None:
    """Add tags to a memory.

    Raises:
        RequestRefused: If it would have too many.
    """
    await db.execute(TagQueries.add_tags, memory_id=memory_id, tags=tags)
    count = await db.fetchval(TagQueries.count_tags, memory_id=memory_id)
    if count > MAX_TAGS:
        raise invalid(f"tags: memory {memory_id} would have {count}; at most {MAX_TAGS} are allowed: untag it first")


@handles(TagRequest)
async def tag(request: TagRequest, call: Call) -> MemoryResult:
    """Add tags to a memory."""
    memory = await call.lock(request.memory_id, Action.TAG, request.version)
    await add_tags(call.db, memory.id, request.tags)
    await table.touch(call.db, memory.id)
    return MemoryResult(memory=await call.memory(memory.id))


@handles(UntagRequest)
async def untag(request: UntagRequest, call: Call) -> MemoryResult:
    """Remove tags from a memory."""
    memory = await call.lock(request.memory_id, Action.TAG, request.version)
    await call.db.execute(TagQueries.remove_tags, memory_id=memory.id, tags=request.tags)
    await table.touch(call.db, memory.id)
    return MemoryResult(memory=await call.memory(memory.id))
