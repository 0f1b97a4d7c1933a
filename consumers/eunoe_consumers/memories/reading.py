"""`get`, `history`, `list`, `count` and `search`: read memories of a scope."""

import json
from datetime import UTC, datetime
from uuid import UUID

from pgvector import HalfVector

from eunoe_consumers.embedding.coalescing import Vector
from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.pages import after, page_of
from eunoe_consumers.memories.refusals import missing, not_found
from eunoe_consumers.postgres.memory_connection import MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.history import HistoryRequest, HistoryResult, MemoryVersion
from eunoe_schema.memory.memory import Memory, MemoryResult
from eunoe_schema.memory.read import (
    CountRequest,
    CountResult,
    FoundMemory,
    GetRequest,
    ListRequest,
    MemoryPage,
    SearchRequest,
    SearchResult,
)

_MAX_REPLACED = 200


class MemorySearchQueries(QueryFile, file="memory_search"):
    """Statements that find memories by a filter or a vector, or read their earlier contents."""

    list_memories: Statement
    count_memories: Statement
    nearest_memories: Statement
    nearest_filtered_memories: Statement
    has_collection: Statement
    read_versions: Statement
    read_replaced: Statement


@handles(GetRequest, counts_as_retrieval=True)
async def get(request: GetRequest, call: Call) -> MemoryResult:
    """Return a memory."""
    return MemoryResult(memory=await readable(request.memory_id, call, forgotten=request.forgotten))


@handles(HistoryRequest)
async def history(request: HistoryRequest, call: Call) -> HistoryResult:
    """Return the contents that a memory had, and the memories that it replaced."""
    memory = await readable(request.memory_id, call, forgotten=request.forgotten)
    versions = await call.db.fetch(
        MemorySearchQueries.read_versions, memory_id=memory.id, before=request.before, limit=request.limit
    )
    replaced = await call.db.fetch(MemorySearchQueries.read_replaced, memory_id=memory.id, limit=_MAX_REPLACED)
    return HistoryResult(
        memory=memory,
        versions=tuple(
            MemoryVersion.model_validate({**dict(row), "metadata": json.loads(row["metadata"])}) for row in versions
        ),
        replaced=tuple(row["id"] for row in replaced),
    )


@handles(ListRequest)
async def list_(request: ListRequest, call: Call) -> MemoryPage:
    """Return a page of memories."""
    await _require_collection(request.filter, call)
    found = await newest(call.db, request.filter, limit=request.limit + 1, cursor=request.cursor)
    shown, cursor = page_of(found, request.limit, lambda one: (one[1], one[0]))
    memories = await table.read(call.db, [memory_id for memory_id, _ in shown])
    return MemoryPage(memories=tuple(memories), cursor=cursor)


@handles(CountRequest)
async def count(request: CountRequest, call: Call) -> CountResult:
    """Count the memories that pass a filter."""
    await _require_collection(request.filter, call)
    arguments = _column_arguments(request.filter) | _row_arguments(request.filter)
    return CountResult(count=await call.db.fetchval(MemorySearchQueries.count_memories, **arguments))


@handles(SearchRequest, counts_as_retrieval=True)
async def search(request: SearchRequest, call: Call) -> SearchResult:
    """Return the nearest memories; without a query the newest."""
    await _require_collection(request.filter, call)
    distances: dict[UUID, float | None]
    if request.query is None:
        distances = {memory_id: None for memory_id, _ in await newest(call.db, request.filter, limit=request.limit)}
    else:
        vector = call.embeddings[request.query]
        distances = await nearest(call.db, request.filter, vector, limit=request.limit, min_cosine=request.min_cosine)
    memories = await table.read(call.db, list(distances))
    return SearchResult(found=tuple(FoundMemory(memory=memory, distance=distances[memory.id]) for memory in memories))


async def newest(
    db: MemoryConnection, filter_: MemoryFilter, *, limit: int, cursor: str | None = None
) -> list[tuple[UUID, datetime]]:
    """Return the ids and the creation times of memories that pass a filter, the newest first."""
    rows = await db.fetch(
        MemorySearchQueries.list_memories,
        **_column_arguments(filter_),
        **_row_arguments(filter_),
        **after(cursor, UUID),
        limit=limit,
    )
    return [(row["id"], row["created_at"]) for row in rows]


async def nearest(
    db: MemoryConnection, filter_: MemoryFilter, vector: Vector, *, limit: int, min_cosine: float | None
) -> dict[UUID, float | None]:
    """Return the ids and the cosine distances of memories that pass a filter, the nearest first; exact."""
    statement, arguments = MemorySearchQueries.nearest_memories, _column_arguments(filter_)
    if filter_.metadata or filter_.session:
        statement, arguments = MemorySearchQueries.nearest_filtered_memories, arguments | _row_arguments(filter_)
    rows = await db.fetch(statement, **arguments, vector=HalfVector(vector), min_cosine=min_cosine, limit=limit)
    return {row["id"]: row["distance"] for row in rows}


async def readable(memory_id: UUID, call: Call, *, forgotten: bool = False) -> Memory:
    """Return a memory that has not expired.

    Args:
        memory_id: The memory.
        call: The request.
        forgotten: Whether it may be forgotten.

    Raises:
        RequestRefused: If there is no such memory.
    """
    memory = await call.memory(memory_id)
    if (memory.deleted_at is not None and not forgotten) or memory.has_lapsed(datetime.now(UTC)):
        raise not_found(memory_id)
    return memory


async def _require_collection(filter_: MemoryFilter, call: Call) -> None:
    """Refuse a filter by another scope's collection: the result would reveal the members of that collection."""
    collection_id = filter_.collection_id
    if collection_id is not None and not await call.db.fetchval(
        MemorySearchQueries.has_collection, collection_id=collection_id
    ):
        raise missing(f"collection {collection_id}")


def _column_arguments(filter_: MemoryFilter) -> dict[str, object]:
    return {
        "tiers": filter_.tiers,
        "categories": filter_.categories,
        "statuses": filter_.statuses,
        "sources": filter_.sources,
        "tags": filter_.tags,
        "collection_id": filter_.collection_id,
        "created_from": filter_.created_from,
        "created_until": filter_.created_until,
        "updated_from": filter_.updated_from,
        "updated_until": filter_.updated_until,
        "forgotten": filter_.forgotten,
    }


def _row_arguments(filter_: MemoryFilter) -> dict[str, object]:
    session = filter_.session
    return {
        "metadata": json.dumps(filter_.metadata),
        "session_agent_id": session.agent_id if session else None,
        "session_user_id": session.user_id if session else None,
        "session_id": session.session_id if session else None,
    }
