"""Handle what changes memories' contents: `revise`, `supersede`, `merge`."""

from collections.abc import Sequence

from eunoe_consumers.memories.call import Call, check
from eunoe_consumers.memories.refusal import duplicate_content, invalid, not_found
from eunoe_consumers.memories.remember import remember_all
from eunoe_consumers.postgres.memories import LockedMemory
from eunoe_schema.memory.change import MergeRequest, ReplacedResult, ReviseRequest, SupersedeRequest
from eunoe_schema.memory.content import content_hash
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.remember import NewMemory
from eunoe_schema.memory.status_machine import Action, status_after


async def revise(request: ReviseRequest, call: Call) -> MemoryResult:
    """Change what a memory says; the version before is kept where its content changes."""
    memory = await call.lock(request.memory_id, Action.REVISE, request.version)
    if request.content is not None:
        digest = content_hash(request.content)
        holder = await call.unit.memories.twin(memory.owner, digest, memory.status, other_than=memory.id)
        if holder is not None:
            raise duplicate_content(holder)
    embedded = None if request.content is None else call.embedded[request.content]
    await call.unit.memories.revise(call.scope.tenant_id, request, embedded)
    return MemoryResult(memory=await call.memory(memory.id))


async def supersede(request: SupersedeRequest, call: Call) -> ReplacedResult:
    """Replace a memory by a new one of its owner."""
    memory = await call.lock(request.memory_id, Action.SUPERSEDE, request.version)
    return await _replace([memory], request.replacement, Action.SUPERSEDE, call)


async def merge(request: MergeRequest, call: Call) -> ReplacedResult:
    """Make several memories of one owner one."""
    locked = await call.unit.memories.lock(call.scope, request.memory_ids)
    for memory_id in request.memory_ids:
        if memory_id not in locked:
            raise not_found(memory_id)
    call.require_own(*(locked[memory_id] for memory_id in request.memory_ids))
    memories = [check(locked[memory_id], Action.MERGE) for memory_id in request.memory_ids]
    if any(memory.owner != memories[0].owner for memory in memories):
        msg = "memory_ids: they belong to different owners, and what they become could not belong to all of them"
        raise invalid(msg)
    return await _replace(memories, request.merged, Action.MERGE, call)


async def _replace(memories: Sequence[LockedMemory], new: NewMemory, action: Action, call: Call) -> ReplacedResult:
    """Take memories out of use and let them point to what holds now.

    Out of use first: the content that replaces them may be that of one of them.
    """
    if new.review:
        msg = "review: what replaces a memory holds at once; remember it for review, and replace after the approval"
        raise invalid(msg)
    owner, ids = memories[0].owner, [memory.id for memory in memories]
    (status,) = {status_after(memory.status, action, forgotten=False) for memory in memories}
    await call.unit.memories.set_status(owner.tenant_id, ids, status, forgotten=False)
    await call.unit.introduce(owner, new.session)
    ((successor, created),) = await remember_all(call, owner, [new])
    await call.unit.memories.point(owner.tenant_id, ids, successor)
    return ReplacedResult(
        memory=await call.memory(successor),
        created=created,
        replaced=tuple(await call.unit.memories.read(call.scope, ids)),
    )
