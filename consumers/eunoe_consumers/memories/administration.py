"""`admin_search`: the only request that reads memories without a scope; it never leaves the tenant."""

from collections.abc import Sequence
from uuid import UUID

from pgvector import HalfVector

from eunoe_consumers.embedding.coalescing import Vector
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.pages import after, page_of
from eunoe_consumers.memories.table import memory_of
from eunoe_consumers.postgres.memory_connection import MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.administration import AdminSearchRequest, AdminSearchResult
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.read import FoundMemory


class TenantSearchQueries(QueryFile, file="tenant_search"):
    """Statements on the memories of a whole tenant, expired ones included."""

    find_words: Statement
    widen_index_search: Statement
    nearest_of_tenant: Statement
    read_tenant_memories: Statement


@handles(AdminSearchRequest)
async def admin_search(request: AdminSearchRequest, call: Call) -> AdminSearchResult:
    """Return memories of a tenant, of any owner: the nearest to a query, or a page of the memories with some words."""
    distances: dict[UUID, float | None]
    if request.query is not None:
        distances = await nearest_of_tenant(
            call.db,
            call.embeddings[request.query],
            statuses=request.statuses,
            forgotten=request.forgotten,
            limit=request.limit,
        )
        cursor = None
    else:
        rows = await call.db.fetch(
            TenantSearchQueries.find_words,
            statuses=request.statuses,
            forgotten=request.forgotten,
            patterns=[f"%{_escaped(word)}%" for word in (request.words or "").split()],
            **after(request.cursor, UUID),
            limit=request.limit + 1,
        )
        shown, cursor = page_of(rows, request.limit, lambda row: (row["created_at"], row["id"]))
        distances = {row["id"]: None for row in shown}
    memories = await call.db.fetch(TenantSearchQueries.read_tenant_memories, ids=list(distances))
    return AdminSearchResult(
        found=tuple(FoundMemory(memory=memory_of(row), distance=distances[row["id"]]) for row in memories),
        cursor=cursor,
    )


async def nearest_of_tenant(
    db: MemoryConnection, vector: Vector, *, statuses: Sequence[Status], forgotten: bool, limit: int
) -> dict[UUID, float | None]:
    """Return the ids and the cosine distances of a tenant's nearest memories; approximate if the index serves it."""
    await db.fetch(TenantSearchQueries.widen_index_search)
    rows = await db.fetch(
        TenantSearchQueries.nearest_of_tenant,
        statuses=statuses,
        forgotten=forgotten,
        vector=HalfVector(vector),
        limit=limit,
    )
    return {row["id"]: row["distance"] for row in rows}


def _escaped(word: str) -> str:
    """Return a word without the meaning that LIKE gives to some characters."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
