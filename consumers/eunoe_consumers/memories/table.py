"""Shared operations on the table `memories`. None of them finds a memory that does not apply to the scope."""

import contextlib
import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from eunoe_consumers.errors import PermanentError
from eunoe_consumers.postgres.memory_connection import MemoryConnection
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.scope import MemoryScope, SessionRef
from eunoe_schema.memory.status_machine import MemoryState, state_of

# Each confirmation moves the confidence of a memory towards 1, by this share of the difference.
CONFIRMATION_SHARE = 0.1


class MemoryQueries(QueryFile, file="memories"):
    """Statements that several features need."""

    ensure_owners: Statement
    insert_session: Statement
    lock_memories: Statement
    read_memories: Statement
    find_duplicate: Statement
    archive_expired_content: Statement
    set_status: Statement
    set_successor: Statement
    touch: Statement


class ContentTaken(PermanentError):
    """Another memory of the same owner holds that content in that status."""


@contextlib.contextmanager
def content_is_unique() -> Generator[None]:
    """Turn a violation of the index `memories_once` into ContentTaken."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        raise ContentTaken("another memory of the same owner holds that content") from error


@dataclass(frozen=True)
class LockedMemory:
    """A memory that no other transaction can change until this one ends."""

    id: UUID
    owner: MemoryScope
    status: Status
    version: int
    content_hash: str
    forgotten: bool

    @property
    def state(self) -> MemoryState:
        """Its state in the status machine."""
        return state_of(self.status, forgotten=self.forgotten)


def memory_of(row: asyncpg.Record) -> Memory:
    """Return the memory of a row with the columns of the fragment `memory_columns`."""
    fields = dict(row)
    session = {name: fields.pop(f"session_{name}") for name in ("agent_id", "user_id")}
    session_id = fields.pop("session_id")
    return Memory.model_validate(
        {
            **fields,
            "metadata": json.loads(row["metadata"]),
            "session": None if session_id is None else {**session, "session_id": session_id},
        }
    )


async def read(db: MemoryConnection, memory_ids: Sequence[UUID]) -> list[Memory]:
    """Return memories that apply to the scope, in the order of the ids; others are left out."""
    return [memory_of(row) for row in await db.fetch(MemoryQueries.read_memories, ids=memory_ids)]


async def lock(db: MemoryConnection, scope: MemoryScope, memory_ids: Sequence[UUID]) -> dict[UUID, LockedMemory]:
    """Lock memories that apply to the scope, and return them by id; others are left out.

    Expired ones are archived first, so that the allowed actions do not depend on when the janitor runs.
    """
    rows = await db.fetch(MemoryQueries.lock_memories, ids=memory_ids)
    if expired := [row["id"] for row in rows if row["expired"]]:
        await set_status(db, expired, Status.ARCHIVED, forgotten=False)
        rows = await db.fetch(MemoryQueries.lock_memories, ids=memory_ids)
    return {
        row["id"]: LockedMemory(
            id=row["id"],
            owner=MemoryScope(tenant_id=scope.tenant_id, agent_id=row["agent_id"], user_id=row["user_id"]),
            status=Status(row["status"]),
            version=row["version"],
            content_hash=row["content_hash"],
            forgotten=row["deleted_at"] is not None,
        )
        for row in rows
    }


async def archive_expired_content(db: MemoryConnection, owner: MemoryScope, content_hash: str) -> None:
    """Archive the owner's memory of a content if it has expired."""
    await db.execute(
        MemoryQueries.archive_expired_content,
        agent_id=owner.agent_id,
        user_id=owner.user_id,
        content_hash=content_hash,
    )


async def find_duplicate(
    db: MemoryConnection, owner: MemoryScope, content_hash: str, status: Status, *, other_than: UUID | None = None
) -> UUID | None:
    """Return another memory of the owner that holds a content in a status. An expired one is archived first."""
    await archive_expired_content(db, owner, content_hash)
    return await db.fetchval(
        MemoryQueries.find_duplicate,
        agent_id=owner.agent_id,
        user_id=owner.user_id,
        content_hash=content_hash,
        status=status,
        other_than=other_than,
    )


async def set_status(db: MemoryConnection, memory_ids: Sequence[UUID], status: Status, *, forgotten: bool) -> None:
    """Set the status of locked memories, and whether they are forgotten.

    Raises:
        ContentTaken: If another memory of the owner holds that content in that status.
    """
    with content_is_unique():
        await db.execute(MemoryQueries.set_status, ids=memory_ids, status=status, forgotten=forgotten)


async def touch(db: MemoryConnection, *memory_ids: UUID) -> None:
    """Record that tags or relations of memories changed; their versions stay."""
    await db.execute(MemoryQueries.touch, ids=memory_ids)


async def ensure_exists(db: MemoryConnection, owner: MemoryScope, session: SessionRef | None = None) -> None:
    """Insert the agent, the user and the session if they are new: a memory may come before their first message."""
    agents = {owner.agent_id, session.agent_id if session else None} - {None}
    users = {owner.user_id, session.user_id if session else None} - {None}
    await db.execute(MemoryQueries.ensure_owners, agents=list(agents), users=list(users))
    if session is not None:
        await ensure_session_exists(db, session)


async def ensure_session_exists(
    db: MemoryConnection, session: SessionRef, *, thread_id: str | None = None, channel: str | None = None
) -> None:
    """Insert a session of a known agent and user if it is new."""
    await db.execute(
        MemoryQueries.insert_session,
        agent_id=session.agent_id,
        user_id=session.user_id,
        session_id=session.session_id,
        thread_id=thread_id,
        channel=channel,
        opened_at=datetime.now(UTC),
    )
