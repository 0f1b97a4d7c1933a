"""`revise`, `supersede`, `merge`, the transitions and `purge`: change stored memories."""

import json
from collections.abc import Sequence

from pgvector import HalfVector

from eunoe_consumers.memories import kept_replies, table
from eunoe_consumers.memories.call import Call, require_allowed
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.refusals import duplicate_content, invalid, not_found, purged
from eunoe_consumers.memories.remember import store
from eunoe_consumers.memories.table import LockedMemory, MemoryQueries
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.change import (
    MergeRequest,
    PurgedResult,
    PurgeRequest,
    ReplacedResult,
    ReviseRequest,
    SupersedeRequest,
    TransitionRequest,
)
from eunoe_schema.memory.content import content_hash
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.remember import NewMemory
from eunoe_schema.memory.status_machine import Action, status_after

# An owner may hold a content once in each of these statuses. The index `memories_once` enforces it.
_UNIQUE_STATUSES = {Status.ACTIVE, Status.PENDING_REVIEW}


class ChangeQueries(QueryFile, file="memory_change"):
    """Statements that change or delete one memory."""

    revise_memory: Statement
    restart_lifetime: Statement
    purge_memory: Statement


@handles(ReviseRequest)
async def revise(request: ReviseRequest, call: Call) -> MemoryResult:
    """Change a memory. A trigger of the table keeps the content that it had before."""
    memory = await call.lock(request.memory_id, Action.REVISE, request.version)
    content = request.content
    digest = None if content is None else content_hash(content)
    if digest is not None:
        await _require_unique(call, memory, digest, memory.status)
    with table.content_is_unique():
        await call.db.execute(
            ChangeQueries.revise_memory,
            id=memory.id,
            content=content,
            content_hash=digest,
            tier=request.tier,
            category=request.category,
            confidence=request.confidence,
            metadata=None if request.metadata is None else json.dumps(request.metadata),
            never_expires=request.never_expires,
            expires_at=request.expires_at,
            embedding=None if content is None else HalfVector(call.embeddings[content]),
            embedding_model=None if content is None else call.embedding_model,
        )
    return MemoryResult(memory=await call.memory(memory.id))


@handles(SupersedeRequest)
async def supersede(request: SupersedeRequest, call: Call) -> ReplacedResult:
    """Replace a memory by a new one of the same owner."""
    memory = await call.lock(request.memory_id, Action.SUPERSEDE, request.version)
    return await _replace([memory], request.replacement, Action.SUPERSEDE, call)


@handles(MergeRequest)
async def merge(request: MergeRequest, call: Call) -> ReplacedResult:
    """Replace several memories of one owner by one."""
    locked = await table.lock(call.db, call.scope, request.memory_ids)
    for memory_id in request.memory_ids:
        if memory_id not in locked:
            raise not_found(memory_id)
    memories = [locked[memory_id] for memory_id in request.memory_ids]
    call.require_own(*memories)
    for memory in memories:
        require_allowed(memory, Action.MERGE)
    if any(memory.owner != memories[0].owner for memory in memories):
        raise invalid(
            "memory_ids: these memories have different owners, and the merged one can have one only: merge per owner"
        )
    return await _replace(memories, request.merged, Action.MERGE, call)


async def _replace(memories: Sequence[LockedMemory], new: NewMemory, action: Action, call: Call) -> ReplacedResult:
    """Take memories out of use and link them to their successor.

    Their status changes first, because the successor may have the same content as one of them.
    """
    if new.review:
        raise invalid(
            "review: a replacement is active at once: remember the content for review, and supersede once approved"
        )
    owner, ids = memories[0].owner, [memory.id for memory in memories]
    (status,) = {status_after(memory.status, action, forgotten=False) for memory in memories}
    await table.set_status(call.db, ids, status, forgotten=False)
    await table.ensure_exists(call.db, owner, new.session)
    ((successor, created),) = await store(call, owner, [new])
    await call.db.execute(MemoryQueries.set_successor, ids=ids, successor=successor)
    return ReplacedResult(
        memory=await call.memory(successor), created=created, replaced=tuple(await table.read(call.db, ids))
    )


@handles(TransitionRequest)
async def transition(request: TransitionRequest, call: Call) -> MemoryResult:
    """Bring a memory into the state that the table of transitions names."""
    memory = await call.lock(request.memory_id, request.action, request.version)
    status = status_after(memory.status, request.action, forgotten=memory.forgotten)
    forgotten = request.action is Action.FORGET
    if status in _UNIQUE_STATUSES and not forgotten:
        await _require_unique(call, memory, memory.content_hash, status)
    await table.set_status(call.db, [memory.id], status, forgotten=forgotten)
    if request.action is Action.RESTORE and status in _UNIQUE_STATUSES:
        # Otherwise an expired memory would expire again at once.
        await call.db.execute(ChangeQueries.restart_lifetime, id=memory.id)
    return MemoryResult(memory=await call.memory(memory.id))


@handles(PurgeRequest)
async def purge(request: PurgeRequest, call: Call) -> PurgedResult:
    """Delete a memory for good, and replace the kept replies that quote it."""
    memory = await call.lock(request.memory_id, Action.PURGE, request.version)
    await call.db.execute(ChangeQueries.purge_memory, id=memory.id)
    await kept_replies.replace_quoting(call.db, memory.id, purged(memory.id))
    return PurgedResult(memory_id=memory.id)


async def _require_unique(call: Call, memory: LockedMemory, digest: str, status: Status) -> None:
    """Refuse to give a memory a content that another memory of its owner holds."""
    holder = await table.find_duplicate(call.db, memory.owner, digest, status, other_than=memory.id)
    if holder is not None:
        raise duplicate_content(holder)
