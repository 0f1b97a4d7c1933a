"""Handle what leaves the content as it is: transitions, `purge`, `tag`, `untag`."""

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.refusal import duplicate_content, invalid, purged
from eunoe_schema.memory.change import (
    PurgedResult,
    PurgeRequest,
    TagRequest,
    TransitionRequest,
    UntagRequest,
)
from eunoe_schema.memory.content import MAX_TAGS
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.status_machine import Action, status_after

# The statuses in which an owner holds a content once: those of the index `memories_once`.
_HELD_ONCE = {Status.ACTIVE, Status.PENDING_REVIEW}


async def transition(request: TransitionRequest, call: Call) -> MemoryResult:
    """Take a memory to the state that the table of transitions gives."""
    memory = await call.lock(request.memory_id, request.action, request.version)
    status = status_after(memory.status, request.action, forgotten=memory.forgotten)
    forgotten = request.action is Action.FORGET
    if status in _HELD_ONCE and not forgotten:
        holder = await call.unit.memories.twin(memory.owner, memory.content_hash, status, other_than=memory.id)
        if holder is not None:
            raise duplicate_content(holder)
    await call.unit.memories.set_status(call.scope.tenant_id, [memory.id], status, forgotten=forgotten)
    if request.action is Action.RESTORE and status in _HELD_ONCE:
        await call.unit.memories.renew(call.scope.tenant_id, memory.id)  # else it would lapse again at once
    return MemoryResult(memory=await call.memory(memory.id))


async def purge(request: PurgeRequest, call: Call) -> PurgedResult:
    """Delete a memory for good, in the replies that are kept too."""
    memory = await call.lock(request.memory_id, Action.PURGE, request.version)
    await call.unit.memories.purge(call.scope.tenant_id, memory.id)
    gone = purged(memory.id).model_dump_json(exclude_none=True)
    await call.unit.requests.empty(call.scope.tenant_id, memory.id, gone)
    return PurgedResult(memory_id=memory.id)


async def tag(request: TagRequest, call: Call) -> MemoryResult:
    """Give a memory tags."""
    memory = await call.lock(request.memory_id, Action.TAG, request.version)
    count = await call.unit.tags.add(call.scope.tenant_id, memory.id, request.tags)
    if count > MAX_TAGS:
        msg = f"tags: memory {memory.id} would have {count}; at most {MAX_TAGS} are allowed: untag it first"
        raise invalid(msg)
    await call.unit.tags.touch(call.scope.tenant_id, memory.id)
    return MemoryResult(memory=await call.memory(memory.id))


async def untag(request: UntagRequest, call: Call) -> MemoryResult:
    """Take tags off a memory."""
    memory = await call.lock(request.memory_id, Action.TAG, request.version)
    await call.unit.tags.remove(call.scope.tenant_id, memory.id, request.tags)
    await call.unit.tags.touch(call.scope.tenant_id, memory.id)
    return MemoryResult(memory=await call.memory(memory.id))
