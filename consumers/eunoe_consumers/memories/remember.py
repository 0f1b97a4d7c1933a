"""`remember`: store memories, confirm contents that are stored already, and report near duplicates."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from uuid import UUID, uuid4

from pgvector import HalfVector

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.tags import add_tags
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.content import content_hash
from eunoe_schema.memory.enums import Status, Tier
from eunoe_schema.memory.memory import NearDuplicate
from eunoe_schema.memory.remember import NewMemory, Remembered, RememberRequest, RememberResult
from eunoe_schema.memory.scope import MemoryScope

_NEAR_DUPLICATES = 5  # reported for each memory at most


class RememberQueries(QueryFile, file="memory_remember"):
    """Statements that store memories."""

    insert_memory: Statement
    near_duplicates: Statement


@handles(RememberRequest)
async def remember(request: RememberRequest, call: Call) -> RememberResult:
    """Store or confirm each memory."""
    for session in sorted(dict.fromkeys(new.session for new in request.memories), key=str):
        await table.ensure_exists(call.db, request.scope, session)
    stored = await store(call, request.scope, request.memories)
    near = await _near_duplicates(call, zip((memory_id for memory_id, _ in stored), request.memories, strict=True))
    wanted = {memory_id for memory_id, _ in stored}.union(*near.values())
    memories = {memory.id: memory for memory in await table.read(call.db, list(wanted))}
    return RememberResult(
        remembered=tuple(
            Remembered(
                memory=memories[memory_id],
                created=created,
                candidates=tuple(
                    NearDuplicate(memory=memories[near_id], cosine=cosine)
                    for near_id, cosine in near[memory_id, new.tier].items()
                ),
            )
            for (memory_id, created), new in zip(stored, request.memories, strict=True)
        )
    )


async def store(call: Call, owner: MemoryScope, memories: Sequence[NewMemory]) -> list[tuple[UUID, bool]]:
    """Store memories of a known owner with their tags, or confirm their contents.

    Returns:
        For each memory its id, and whether it was created.
    """
    stored = await _insert_or_confirm(call, owner, memories)
    for (memory_id, created), new in zip(stored, memories, strict=True):
        # A memory for review changes nothing about an active memory of the same content until somebody approves it.
        ignored = new.review and not created and (await call.memory(memory_id)).status is Status.ACTIVE
        if new.tags and not ignored:
            await add_tags(call.db, memory_id, new.tags)
    return stored


async def _insert_or_confirm(call: Call, owner: MemoryScope, memories: Sequence[NewMemory]) -> list[tuple[UUID, bool]]:
    """Insert memories, or confirm the owner's memories that hold their contents already.

    An expired memory of the same content is archived, and a new one is inserted. A memory for review is not inserted
    beside an active memory of the same content. Contents are taken in the order of their hashes, so that two requests
    with the same contents cannot wait for each other.
    """
    result: dict[int, tuple[UUID, bool]] = {}
    hashed = [(content_hash(new.content), index, new) for index, new in enumerate(memories)]
    for review, group in groupby(sorted(hashed, key=itemgetter(0, 1)), key=lambda item: item[2].review):
        rows = {uuid4(): (index, digest, new) for digest, index, new in group}
        arguments = {new_id: _arguments(call, owner, new_id, digest, new) for new_id, (_, digest, new) in rows.items()}
        held: dict[UUID, UUID] = {}
        if review:
            for new_id, (_, digest, _) in rows.items():
                holder = await table.find_duplicate(call.db, owner, digest, Status.ACTIVE)
                if holder is not None:
                    held[new_id] = holder
        held |= await _insert(call, [arguments[new_id] for new_id in rows if new_id not in held])
        for new_id, (index, digest, _) in rows.items():
            if new_id not in held:  # an expired memory holds the content
                await table.archive_expired_content(call.db, owner, digest)
                held |= await _insert(call, [arguments[new_id]])
            result[index] = (held[new_id], held[new_id] == new_id)
    return [result[index] for index in range(len(memories))]


async def _insert(call: Call, each: Iterable[Mapping[str, object]]) -> dict[UUID, UUID]:
    """Insert or confirm memories. Return the id of each stored memory by new id; expired memories are left out."""
    rows = await call.db.fetchmany(RememberQueries.insert_memory, each)
    return {row["new_id"]: row["id"] for row in rows}


def _arguments(call: Call, owner: MemoryScope, new_id: UUID, digest: str, new: NewMemory) -> dict[str, object]:
    session = new.session
    return {
        "new_id": new_id,
        "agent_id": owner.agent_id,
        "user_id": owner.user_id,
        "tier": new.tier,
        "category": new.category,
        "source": new.source,
        "status": Status.PENDING_REVIEW if new.review else Status.ACTIVE,
        "content": new.content,
        "content_hash": digest,
        "confidence": new.confidence,
        "metadata": json.dumps(new.metadata),
        "session_agent_id": session.agent_id if session else None,
        "session_user_id": session.user_id if session else None,
        "session_id": session.session_id if session else None,
        "expires_at": new.expires_at,
        "embedding": HalfVector(call.embeddings[new.content]),
        "embedding_model": call.embedding_model,
        "confirmation_share": table.CONFIRMATION_SHARE,
    }


async def _near_duplicates(
    call: Call, memories: Iterable[tuple[UUID, NewMemory]]
) -> Mapping[tuple[UUID, Tier], dict[UUID, float]]:
    """Return the near duplicates of each memory in its tier, with their cosines."""
    rows = await call.db.fetchmany(
        RememberQueries.near_duplicates,
        [
            {
                "of_id": memory_id,
                "tier": new.tier,
                "vector": HalfVector(call.embeddings[new.content]),
                "min_cosine": call.rules.near_duplicate_cosine,
                "limit": _NEAR_DUPLICATES,
            }
            for memory_id, new in memories
        ],
    )
    near: defaultdict[tuple[UUID, Tier], dict[UUID, float]] = defaultdict(dict)
    for row in rows:
        near[row["of_id"], Tier(row["of_tier"])][row["id"]] = row["cosine"]
    return near
