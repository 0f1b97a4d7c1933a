"""Memories, within a curator's transaction: made, locked, read, changed."""

import contextlib
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.errors import PermanentError
from eunoe_consumers.postgres.lifetime import Lifetime
from eunoe_consumers.postgres.memory_life import LifeQueries
from eunoe_consumers.postgres.memory_rows import memory_of
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.change import ReviseRequest
from eunoe_schema.memory.content import content_hash
from eunoe_schema.memory.enums import Status
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.remember import NewMemory
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.status_machine import MemoryState, state_of

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection

# Each time the same content is remembered, a tenth of the doubt that was left goes.
CONFIRMATION_SHARE = 0.1


class MemoryQueries(QueryFile, file="memories"):
    """The statements of memories.sql."""

    introduce: str
    find_active: str
    insert_memory: str
    find_twin: str
    lock_memories: str
    read_memories: str
    revise_memory: str
    set_memory_status: str
    point_to_successor: str
    purge_memory: str


class ContentTaken(PermanentError):
    """Another memory of the same owner holds that content in that status."""


@contextlib.contextmanager
def _content_is_free() -> Generator[None]:
    """Tell the index `memories_once` from the driver's other errors."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        msg = "another memory of the same owner holds that content"
        raise ContentTaken(msg) from error


@dataclass(frozen=True)
class Embedded:
    """An embedding with its model's name.

    Attributes:
        vector: Shape (dimensions,) float32.
        model: The model's name.
    """

    vector: NDArray[np.float32]
    model: str


@dataclass(frozen=True)
class LockedMemory:
    """What has to be known of a memory before it is changed; nobody else changes it meanwhile."""

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


class MemoryTable:
    """The table `memories`. The scope is in every predicate; what another scope or tenant holds is not there."""

    def __init__(self, connection: "Connection", lifetime: Lifetime) -> None:
        self._connection = connection
        self._lifetime = lifetime

    async def remember(
        self, owner: MemoryScope, memories: Sequence[NewMemory], embedded: Mapping[str, Embedded]
    ) -> list[tuple[UUID, bool]]:
        """Make memories, or confirm those that hold their contents; return their ids, and whether they were made.

        What awaits review is not made beside an active memory of the same content: that one stays as it is. One that
        has lapsed is archived, and a new one made. In the order of their hashes, so that two requests with the same
        contents cannot wait for each other.
        """
        made: dict[int, tuple[UUID, bool]] = {}
        hashed = [(content_hash(new.content), index, new) for index, new in enumerate(memories)]
        for review, group in groupby(sorted(hashed, key=itemgetter(0, 1)), key=lambda item: item[2].review):
            rows = {
                uuid4(): (index, digest, self._row(new, digest, embedded[new.content])) for digest, index, new in group
            }
            held: dict[UUID, UUID] = {}
            if review:
                for new_id, (_, digest, _) in rows.items():
                    await self._archive_lapsed(owner, digest)
                    if (holder := await self._active(owner, digest)) is not None:
                        held[new_id] = holder
            held |= await self._insert(
                owner, {new_id: row for new_id, (_, _, row) in rows.items() if new_id not in held}
            )
            for new_id, (index, digest, row) in rows.items():
                if new_id not in held:
                    await self._archive_lapsed(owner, digest)
                    held |= await self._insert(owner, {new_id: row})
                made[index] = (held[new_id], held[new_id] == new_id)
        return [made[index] for index in range(len(memories))]

    async def _insert(self, owner: MemoryScope, rows: Mapping[UUID, tuple[object, ...]]) -> dict[UUID, UUID]:
        """Insert or confirm in one go; return the id that holds each content, where it has not lapsed."""
        names = (owner.agent_id, owner.user_id)
        found = await self._connection.fetchmany(
            MemoryQueries.insert_memory, [(owner.tenant_id, new_id, *names, *row) for new_id, row in rows.items()]
        )
        return {row["new_id"]: row["id"] for row in found}

    async def _archive_lapsed(self, owner: MemoryScope, digest: str) -> None:
        names = (owner.tenant_id, owner.agent_id, owner.user_id)
        await self._connection.execute(LifeQueries.archive_lapsed_content, *names, digest, *self._lifetime)

    async def _active(self, owner: MemoryScope, digest: str) -> UUID | None:
        names = (owner.tenant_id, owner.agent_id, owner.user_id)
        return await self._connection.fetchval(MemoryQueries.find_active, *names, digest)

    def _row(self, new: NewMemory, digest: str, embedded: Embedded) -> tuple[object, ...]:
        """Return what `insert_memory` takes from its fifth argument on."""
        session = new.session
        return (
            new.tier,
            new.category,
            new.source,
            Status.PENDING_REVIEW if new.review else Status.ACTIVE,
            new.content,
            digest,
            new.confidence,
            json.dumps(new.metadata),
            session.agent_id if session else None,
            session.user_id if session else None,
            session.session_id if session else None,
            new.expires_at,
            HalfVector(embedded.vector),
            embedded.model,
            CONFIRMATION_SHARE,
            *self._lifetime,
        )

    async def lock(self, scope: MemoryScope, memory_ids: Sequence[UUID]) -> dict[UUID, LockedMemory]:
        """Lock memories that apply to a scope, and return them by id; others are left out.

        Those that have lapsed are archived first: what may be done with them does not hang on when the janitor comes.
        """
        arguments = (scope.tenant_id, scope.agent_id, scope.user_id, memory_ids, *self._lifetime)
        rows = await self._connection.fetch(MemoryQueries.lock_memories, *arguments)
        if lapsed := [row["id"] for row in rows if row["lapsed"]]:
            await self.set_status(scope.tenant_id, lapsed, Status.ARCHIVED, forgotten=False)
            rows = await self._connection.fetch(MemoryQueries.lock_memories, *arguments)
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

    async def read(self, scope: MemoryScope, memory_ids: Sequence[UUID]) -> list[Memory]:
        """Return memories that apply to a scope, in the order of the ids; others are left out."""
        rows = await self._connection.fetch(
            MemoryQueries.read_memories, scope.tenant_id, scope.agent_id, scope.user_id, memory_ids, *self._lifetime
        )
        return [memory_of(row) for row in rows]

    async def twin(self, owner: MemoryScope, digest: str, status: Status, *, other_than: UUID) -> UUID | None:
        """Return the owner's other memory that holds a content in a status, after archiving what has lapsed."""
        names = (owner.tenant_id, owner.agent_id, owner.user_id)
        await self._connection.execute(LifeQueries.archive_lapsed_content, *names, digest, *self._lifetime)
        return await self._connection.fetchval(MemoryQueries.find_twin, *names, digest, status, other_than)

    async def revise(self, tenant_id: UUID, revision: ReviseRequest, embedded: Embedded | None) -> None:
        """Change what a locked memory says.

        Args:
            tenant_id: The tenant.
            revision: Which, and what changes.
            embedded: Of the new content; None where the content stays.

        Raises:
            ContentTaken: If the owner holds the new content already.
        """
        content = revision.content
        with _content_is_free():
            await self._connection.execute(
                MemoryQueries.revise_memory,
                tenant_id,
                revision.memory_id,
                content,
                None if content is None else content_hash(content),
                revision.tier,
                revision.category,
                revision.confidence,
                None if revision.metadata is None else json.dumps(revision.metadata),
                revision.never_expires,
                revision.expires_at,
                None if embedded is None else HalfVector(embedded.vector),
                None if embedded is None else embedded.model,
            )

    async def set_status(self, tenant_id: UUID, memory_ids: Sequence[UUID], status: Status, *, forgotten: bool) -> None:
        """Take locked memories to another status, forgotten or remembered.

        Raises:
            ContentTaken: If another memory holds that content in that status.
        """
        with _content_is_free():
            await self._connection.execute(MemoryQueries.set_memory_status, tenant_id, memory_ids, status, forgotten)

    async def renew(self, tenant_id: UUID, memory_id: UUID) -> None:
        """Let the time of a locked memory that had lapsed begin anew; what had not keeps its time."""
        await self._connection.execute(LifeQueries.renew_lapsed, tenant_id, memory_id, *self._lifetime)

    async def point(self, tenant_id: UUID, memory_ids: Sequence[UUID], successor: UUID) -> None:
        """Let superseded or merged memories point to what they became."""
        await self._connection.execute(MemoryQueries.point_to_successor, tenant_id, memory_ids, successor)

    async def purge(self, tenant_id: UUID, memory_id: UUID) -> None:
        """Delete a locked memory and what hangs on it."""
        await self._connection.execute(MemoryQueries.purge_memory, tenant_id, memory_id)
