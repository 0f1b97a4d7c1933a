"""What a handler works with."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from eunoe_consumers.memories.refusal import conflict, not_found, refused_transition, shared_by_users
from eunoe_consumers.postgres.curation import Curation
from eunoe_consumers.postgres.memories import Embedded, LockedMemory
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.status_machine import Action, is_allowed


@dataclass(frozen=True)
class CurationRules:
    """What an operator decides.

    Attributes:
        near_duplicate_cosine: From which similarity on a memory is reported as saying nearly the same.
        session_idle_seconds: After how long a silence a session is closed.
    """

    near_duplicate_cosine: float
    session_idle_seconds: float


@dataclass(frozen=True)
class Call:
    """A request being handled: its transaction, the embeddings of its texts, and the rules.

    Attributes:
        unit: The transaction's tables.
        asked: The scope that is asked; None where a whole tenant is.
        embedded: The embedding of each of the request's `texts`.
        rules: What an operator decides.
    """

    unit: Curation
    asked: MemoryScope | None
    embedded: Mapping[str, Embedded]
    rules: CurationRules

    @property
    def scope(self) -> MemoryScope:
        """The scope that is asked."""
        if self.asked is None:
            raise AssertionError  # a handler of an administrator's request knows the tenant only
        return self.asked

    async def memory(self, memory_id: UUID) -> Memory:
        """Return a memory as it is now.

        Raises:
            Refused: If none applies to the scope.
        """
        found = await self.unit.memories.read(self.scope, [memory_id])
        if not found:
            raise not_found(memory_id)
        return found[0]

    async def lock(self, memory_id: UUID, action: Action, version: int | None = None) -> LockedMemory:
        """Lock a memory for an action.

        Raises:
            Refused: If none applies to the scope, it is every user's, its version is another, or its state does not
                allow the action.
        """
        locked = (await self.unit.memories.lock(self.scope, [memory_id])).get(memory_id)
        if locked is None:
            raise not_found(memory_id)
        self.require_own(locked)
        return check(locked, action, version)

    def is_shared(self, owner_user_id: str | None) -> bool:
        """Tell whether something is everybody's and the scope one user's: it is read there, and not changed."""
        return owner_user_id is None and self.scope.user_id is not None

    def require_own(self, *memories: LockedMemory) -> None:
        """Refuse to change what other users have, too.

        Raises:
            Refused: If a memory is the agent's with every user, and the scope names one.
        """
        for memory in memories:
            if self.is_shared(memory.owner.user_id):
                thing = f"memory {memory.id}"
                raise shared_by_users(thing)


def check(memory: LockedMemory, action: Action, version: int | None = None) -> LockedMemory:
    """Return a locked memory if the action may be done to it.

    Raises:
        Refused: If its version is another, or its state does not allow the action.
    """
    if version is not None and memory.version != version:
        raise conflict(memory.id, expected=version, found=memory.version)
    if not is_allowed(memory.state, action):
        raise refused_transition(memory, action)
    return memory
