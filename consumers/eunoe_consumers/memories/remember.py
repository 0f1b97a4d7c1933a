"""Handle `remember`."""

from collections.abc import Sequence
from uuid import UUID

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.refusal import invalid
from eunoe_consumers.postgres.memory_search import Placed
from eunoe_schema.memory.content import MAX_TAGS
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.memory import NearDuplicate
from eunoe_schema.memory.remember import NewMemory, Remembered, RememberRequest, RememberResult
from eunoe_schema.memory.scope import MemoryScope


async def remember(request: RememberRequest, call: Call) -> RememberResult:
    """Make or confirm each memory."""
    for session in sorted(dict.fromkeys(new.session for new in request.memories), key=str):
        await call.unit.introduce(request.scope, session)
    made = await remember_all(call, request.scope, request.memories)
    placed = [
        Placed(memory_id, new.tier, call.embedded[new.content].vector)
        for (memory_id, _), new in zip(made, request.memories, strict=True)
    ]
    near = await call.unit.search.near_duplicates(request.scope, placed, min_cosine=call.rules.near_duplicate_cosine)
    wanted = {memory_id for memory_id, _ in made}.union(*near.values())
    memories = {memory.id: memory for memory in await call.unit.memories.read(call.scope, list(wanted))}
    return RememberResult(
        remembered=tuple(
            Remembered(
                memory=memories[memory_id],
                created=created,
                candidates=tuple(
                    NearDuplicate(memory=memories[near_id], cosine=cosine)
                    for near_id, cosine in near.get((memory_id, new.tier), {}).items()
                ),
            )
            for (memory_id, created), new in zip(made, request.memories, strict=True)
        )
    )


async def remember_all(call: Call, owner: MemoryScope, memories: Sequence[NewMemory]) -> list[tuple[UUID, bool]]:
    """Make memories of a known owner, or confirm their contents; return the ids, and whether each was made."""
    made = await call.unit.memories.remember(owner, memories, call.embedded)
    for (memory_id, created), new in zip(made, memories, strict=True):
        if not new.tags or (new.review and not created and await _counts(memory_id, call)):
            continue  # nothing of what counts already changes before somebody approves it
        if await call.unit.tags.add(owner.tenant_id, memory_id, new.tags) > MAX_TAGS:
            msg = f"memory {memory_id} would have more than {MAX_TAGS} tags: untag it first"
            raise invalid(msg)
    return made


async def _counts(memory_id: UUID, call: Call) -> bool:
    return (await call.memory(memory_id)).status is Status.ACTIVE
