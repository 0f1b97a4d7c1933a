"""Handle `remember`."""

from uuid import UUID

from eunoe_consumers.curate.call import Call
from eunoe_consumers.curate.refusal import invalid
from eunoe_schema.memory.content import MAX_TAGS, content_hash
from eunoe_schema.memory.memory import Candidate
from eunoe_schema.memory.remember import NewMemory, Remembered, RememberRequest, RememberResult
from eunoe_schema.memory.scope import MemoryScope


async def remember(request: RememberRequest, call: Call) -> RememberResult:
    """Make or confirm each memory.

    In the order of their hashes, so that two requests with the same contents cannot wait for each other.
    """
    for session in sorted(dict.fromkeys(new.session for new in request.memories), key=str):
        await call.unit.introduce(request.scope, session)
    made: dict[int, Remembered] = {}
    for index, new in sorted(enumerate(request.memories), key=lambda item: content_hash(item[1].content)):
        memory_id, created = await remember_one(call, request.scope, new)
        near = await call.unit.search.near_duplicates(
            request.scope,
            new.tier,
            call.embedded[new.content].vector,
            other_than=memory_id,
            min_cosine=call.rules.near_duplicate_cosine,
        )
        cosines = dict(near)
        candidates = await call.unit.memories.read(call.scope, [near_id for near_id, _ in near])
        made[index] = Remembered(
            memory=await call.memory(memory_id),
            created=created,
            candidates=tuple(Candidate(memory=memory, cosine=cosines[memory.id]) for memory in candidates),
        )
    return RememberResult(remembered=tuple(made[index] for index in sorted(made)))


async def remember_one(call: Call, owner: MemoryScope, new: NewMemory) -> tuple[UUID, bool]:
    """Make a memory of a known owner, or confirm the one with that content; return its id, and whether it was made."""
    memory_id, created = await call.unit.memories.remember(owner, new, call.embedded[new.content])
    if new.tags and await call.unit.tags.add(owner.tenant_id, memory_id, new.tags) > MAX_TAGS:
        msg = f"memory {memory_id} would have more than {MAX_TAGS} tags: untag it first"
        raise invalid(msg)
    return memory_id, created
