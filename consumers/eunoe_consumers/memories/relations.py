"""Handle `relate`, `unrelate` and `walk`."""

from datetime import UTC, datetime

from eunoe_consumers.memories.call import Call, check
from eunoe_consumers.memories.refusal import not_found
from eunoe_schema.memory.relations import (
    RelatedMemory,
    RelateRequest,
    RelationResult,
    UnrelateRequest,
    WalkRequest,
    WalkResult,
)
from eunoe_schema.memory.status_machine import Action


async def relate(request: RelateRequest, call: Call) -> RelationResult:
    """Say what one memory is to another."""
    await _lock_both(request, call)
    changed = await call.unit.relations.add(call.scope.tenant_id, request.relation)
    await _touch_both(request, call, changed=changed)
    return RelationResult(relation=request.relation, changed=changed)


async def unrelate(request: UnrelateRequest, call: Call) -> RelationResult:
    """Take a relation back."""
    await _lock_both(request, call)
    changed = await call.unit.relations.remove(call.scope.tenant_id, request.relation)
    await _touch_both(request, call, changed=changed)
    return RelationResult(relation=request.relation, changed=changed)


async def walk(request: WalkRequest, call: Call) -> WalkResult:
    """Return what can be reached from a memory."""
    begin = await call.memory(request.memory_id)
    if begin.deleted_at is not None or begin.has_lapsed(datetime.now(UTC)):
        raise not_found(request.memory_id)
    # One more than is asked for: it says whether that is all.
    found = await call.unit.relations.walk(call.scope, request, limit=request.limit + 1)
    depths = dict(found[: request.limit])
    memories = await call.unit.memories.read(call.scope, list(depths))
    reached = [RelatedMemory(memory=memory, depth=depths[memory.id]) for memory in memories]
    ids = [request.memory_id, *depths]
    return WalkResult(
        reached=tuple(reached),
        relations=await call.unit.relations.among(call.scope.tenant_id, ids, request.types),
        complete=len(found) <= request.limit,
    )


async def _lock_both(request: RelateRequest | UnrelateRequest, call: Call) -> None:
    locked = await call.unit.memories.lock(call.scope, [request.from_id, request.to_id])
    for memory_id in (request.from_id, request.to_id):
        if memory_id not in locked:
            raise not_found(memory_id)
        check(locked[memory_id], Action.RELATE)
    # A relation of a memory of one's own to one that is everybody's is one's own: nobody else walks over it.
    if all(call.is_shared(memory.owner.user_id) for memory in locked.values()):
        call.require_own(locked[request.from_id])


async def _touch_both(request: RelateRequest | UnrelateRequest, call: Call, *, changed: bool) -> None:
    if changed:
        for memory_id in (request.from_id, request.to_id):
            await call.unit.tags.touch(call.scope.tenant_id, memory_id)
