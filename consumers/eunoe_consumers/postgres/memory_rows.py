"""From a row of `memories` to the contract's memory."""

import json
from typing import TYPE_CHECKING

from eunoe_schema.memory.enums import Category, Source, Status, Tier
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.scope import SessionRef

if TYPE_CHECKING:
    import asyncpg


def memory_of(row: "asyncpg.Record") -> Memory:
    """Return the memory of a row that `read_memories` gave."""
    session = (
        SessionRef(agent_id=row["session_agent_id"], user_id=row["session_user_id"], session_id=row["session_id"])
        if row["session_id"] is not None
        else None
    )
    return Memory(
        id=row["id"],
        agent_id=row["agent_id"],
        user_id=row["user_id"],
        tier=Tier(row["tier"]),
        category=Category(row["category"]),
        source=Source(row["source"]),
        status=Status(row["status"]),
        content=row["content"],
        content_hash=row["content_hash"],
        confidence=row["confidence"],
        usefulness=row["usefulness"],
        metadata=json.loads(row["metadata"]),
        tags=tuple(row["tags"]),
        session=session,
        version=row["version"],
        superseded_by=row["superseded_by"],
        merged_into=row["merged_into"],
        retrieval_count=row["retrieval_count"],
        last_retrieved_at=row["last_retrieved_at"],
        last_injected_at=row["last_injected_at"],
        accessed_at=row["accessed_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        lapses_at=row["lapses_at"],
        deleted_at=row["deleted_at"],
        has_embedding=row["has_embedding"],
    )
