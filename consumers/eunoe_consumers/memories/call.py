"""The request that a handler does, with its transaction, scope and embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from eunoe_consumers.embedding.coalescing import Vector
from eunoe_consumers.memories import table
from eunoe_consumers.memories.refusals import not_found, refused_transition, shared_by_users, version_conflict
from eunoe_consumers.memories.table import LockedMemory
from eunoe_consumers.postgres.memory_connection import MemoryConnection
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.status_machine import Action, is_allowed


@dataclass(frozen=True)
class CurationRules:
    """The operator's settings for curated memory.

    Attributes:
        near_duplicate_cosine: Memories are near duplicates from this cosine on.
        session_idle_seconds: The silence after which a session counts as closed.
    """

    near_duplicate_cosine: float
    session_idle_seconds: float


@dataclass(frozen=True)
class Call:
    """One request being handled.

    Attributes:
        db: The transaction.
        optional_scope: The scope of the request; None if an administrator asks for a whole tenant.
        embeddings: The embedding of each of the request's `texts`.
        embedding_model: The name of the model of these embeddings.
        rules: The operator's settings.
    """

    db: MemoryConnection
    optional_scope: MemoryScope | None
    embeddings: Mapping[str, Vector]
    embedding_model: str
    rules: CurationRules

    @property
    def scope(self) -> MemoryScope:
        """The scope of the request."""
        if self.optional_scope is None:
            raise AssertionError  # only the handler of an administrator's request runs without a scope
        return self.optional_scope

    async def memory(self, memory_id: UUID) -> Memory:
        """Return a memory as it is now.

        Raises:
            RequestRefused: If no such memory applies to the scope.
        """
        found = await table.read(self.db, [memory_id])
        if not found:
            raise not_found(memory_id)
        return found[0]

    async def lock(self, memory_id: UUID, action: Action, version: int | None = None) -> LockedMemory:
        """Lock a memory for an action.

        Raises:
            RequestRefused: If no such memory applies to the scope, it is shared and the scope is one user's, it has
                another version, or its state does not allow the action.
        """
        locked = (await table.lock(self.db, self.scope, [memory_id])).get(memory_id)
        if locked is None:
            raise not_found(memory_id)
        self.require_own(locked)
        if version is not None and locked.version != version:
            raise version_conflict(f"memory {locked.id}", expected=version, found=locked.version, memory_id=locked.id)
        return require_allowed(locked, action)

    def is_shared(self, owner_user_id: str | None) -> bool:
        """Return whether all users share the owner's memories while the request is for one user.

        Shared memories and collections are read-only there.
        """
        return owner_user_id is None and self.scope.user_id is not None

    def require_own(self, *memories: LockedMemory) -> None:
        """Refuse to change shared memories in the scope of one user.

        Raises:
            RequestRefused: If a memory is shared and the scope is one user's.
        """
        for memory in memories:
            if self.is_shared(memory.owner.user_id):
                raise shared_by_users(f"memory {memory.id}")


def require_allowed(memory: LockedMemory, action: Action) -> LockedMemory:
    """Return a locked memory if its state allows an action.

    Raises:
        RequestRefused: If its state does not allow the action.
    """
    if not is_allowed(memory.state, action):
        raise refused_transition(memory.id, memory.state, action)
    return memory
