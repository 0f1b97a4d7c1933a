"""The owner of a memory: a user, an agent, or both."""

from typing import Self
from uuid import UUID

from pydantic import model_validator

from eunoe_schema.contract import ContractModel
from eunoe_schema.scope import Scope
from eunoe_schema.text import Name, SessionId


def require_agent_or_user(agent_id: UUID | None, user_id: str | None) -> None:
    """Require that a memory scope names an owner.

    Raises:
        ValueError: If it names neither an agent nor a user.
    """
    if agent_id is None and user_id is None:
        raise ValueError("agent_id or user_id must be given: a memory belongs to an agent, a user, or both")


class MemoryScope(ContractModel):
    """The owner of new memories, and the scope in which memories are read.

    A memory without a user belongs to an agent with every user. A memory without an agent belongs to a user with every
    agent. In the scope of an agent and a user, three kinds apply: the memories of both, the agent's with every user,
    and the user's with every agent. In the scope of an agent or a user alone, only the memories of that owner apply.
    """

    tenant_id: UUID
    """The tenant."""
    agent_id: UUID | None = None
    """The agent. Leave it out to name a user with every agent."""
    user_id: Name | None = None
    """The user. Leave it out to name an agent with every user."""

    @model_validator(mode="after")
    def _has_an_owner(self) -> Self:
        require_agent_or_user(self.agent_id, self.user_id)
        return self

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Return the memory scope of a conversation: its agent with its user."""
        return cls(tenant_id=scope.tenant_id, agent_id=scope.agent_id, user_id=scope.user_id)


class SessionRef(ContractModel):
    """The full name of a session. A memory names it in full, because its owner may be wider than the session's."""

    agent_id: UUID
    """The agent of the session."""
    user_id: Name
    """The user of the session."""
    session_id: SessionId
    """The id, unique for agent and user."""


def require_own_session(agent_id: UUID | None, user_id: str | None, session: SessionRef | None) -> None:
    """Require that a session belongs to the agent and user of a scope.

    Raises:
        ValueError: If it belongs to another agent or user.
    """
    if session is None:
        return
    if agent_id not in {None, session.agent_id}:
        raise ValueError(
            f"session belongs to agent {session.agent_id}, the scope to agent {agent_id}: name a session of the scope"
        )
    if user_id not in {None, session.user_id}:
        raise ValueError(
            f"session belongs to user {session.user_id!r}, the scope to user {user_id!r}: name a session of the scope"
        )
