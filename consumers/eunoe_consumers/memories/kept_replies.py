"""Keep the replies to changes, so that a repeated request changes nothing and gets the same reply."""

import hashlib
import json
from collections.abc import Iterator
from uuid import UUID

from pydantic import BaseModel

from eunoe_consumers.memories.refusals import request_reused
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.memory_connection import MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.codec import encode
from eunoe_schema.memory.base import AnyRequest
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.reply import MemoryReply, Problem

# Fields about the delivery of a request. They do not belong to its content.
_ENVELOPE = {"request_id", "reply_to", "deadline_seconds"}


class RequestQueries(QueryFile, file="memory_requests"):
    """Statements on the table `memory_requests`."""

    claim_request: Statement
    read_reply: Statement
    keep_reply: Statement
    replace_quoting_replies: Statement


async def claim(db: MemoryConnection, request: AnyRequest) -> MemoryReply | None:
    """Claim a request id for this transaction. If the id was used before, return the reply of that time.

    Another process with the same id waits here until this transaction ends.

    Raises:
        StoreUnavailable: If the janitor drops the kept reply at this moment.
    """
    body_hash = body_hash_of(request)
    if await db.fetchval(RequestQueries.claim_request, request_id=request.request_id, body_hash=body_hash):
        return None
    row = await db.fetchrow(RequestQueries.read_reply, request_id=request.request_id)
    if row is None:
        raise StoreUnavailable(f"the reply to {request.request_id!r} was dropped at this moment")
    if row["body_hash"] != body_hash:
        return MemoryReply(request_id=request.request_id, problem=request_reused(request.request_id))
    return MemoryReply.model_validate_json(row["reply"])


async def keep(db: MemoryConnection, reply: MemoryReply) -> None:
    """Keep the reply of a claimed request, with the ids of the memories that it quotes."""
    await db.execute(
        RequestQueries.keep_reply,
        request_id=reply.request_id,
        reply=encode(reply).decode(),
        memory_ids=list({memory.id for memory in memories_in(reply)}),
    )


async def replace_quoting(db: MemoryConnection, memory_id: UUID, problem: Problem) -> None:
    """Replace every kept reply that quotes a memory by a problem."""
    await db.execute(
        RequestQueries.replace_quoting_replies,
        memory_id=memory_id,
        problem=problem.model_dump_json(exclude_none=True),
    )


def memories_in(value: object) -> Iterator[Memory]:
    """Yield each memory that a reply quotes, at any depth."""
    if isinstance(value, Memory):
        yield value
    elif isinstance(value, BaseModel):
        for _, field in value:
            yield from memories_in(field)
    elif isinstance(value, tuple):
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from memories_in(item)  # pyright: ignore[reportUnknownArgumentType]


def body_hash_of(request: AnyRequest) -> str:
    """Return the SHA-256 of a request's content, the same for every way to write it as JSON.

    Defaults are left out. A later version of Eunoe may add fields to the model, and must give the same hash for a
    request that waits for its redelivery.
    """
    asked = request.model_dump(mode="json", exclude=_ENVELOPE, exclude_defaults=True)
    return hashlib.sha256(json.dumps([request.kind, asked], sort_keys=True).encode()).hexdigest()
