"""Whom a memory belongs to: a user, an agent, or both."""

from typing import Self
from uuid import UUID

from pydantic import model_validator

from eunoe_schema.contract import ContractModel
from eunoe_schema.scope import Scope
from eunoe_schema.text import Name, SessionId


def require_agent_or_user(agent_id: UUID | None, user_id: str | None) -> None:
    """Refuse a scope of nobody.

    Raises:
        ValueError: If there is neither agent nor user.
    """
    if agent_id is None and user_id is None:
        msg = "agent_id or user_id must be given: a memory is a user's, an agent's, or both"
        raise ValueError(msg)


class MemoryScope(ContractModel):
    """Whose memories are asked for or made.

    A memory without an agent is the user's with every agent; one without a user is the agent's with every user. What is
    asked for a scope is what applies there: for agent and user the memories of both, of the agent with every user, and
    of the user with every agent; for one of the two alone, only what is its own with everyone.

    Attributes:
        tenant_id: The tenant.
        agent_id: The agent; None for every agent.
        user_id: The user; None for every user.
    """

    tenant_id: UUID
    agent_id: UUID | None = None
    user_id: Name | None = None

    @model_validator(mode="after")
    def _belongs_to_someone(self) -> Self:
        require_agent_or_user(self.agent_id, self.user_id)
        return self

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Return the memory scope of a conversation: of this agent with this user."""
        return cls(tenant_id=scope.tenant_id, agent_id=scope.agent_id, user_id=scope.user_id)


class SessionRef(ContractModel):
    """A session of a tenant, named in full, since a memory may be wider than the session it came from.

    Attributes:
        agent_id: The session's agent.
        user_id: The session's user.
        session_id: Its id within the two.
    """

    agent_id: UUID
    user_id: Name
    session_id: SessionId


def require_own_session(agent_id: UUID | None, user_id: str | None, session: SessionRef | None) -> None:
    """Refuse a session of another agent or user than a scope's: what is remembered of one did not come from another.

    Raises:
        ValueError: If it is not the scope's.
    """
    if session is None:
        return
    if agent_id not in {None, session.agent_id}:
        msg = f"session is of agent {session.agent_id}, and the scope of agent {agent_id}: name one of its own"
        raise ValueError(msg)
    if user_id not in {None, session.user_id}:
        msg = f"session is of user {session.user_id!r}, and the scope of user {user_id!r}: name one of its own"
        raise ValueError(msg)
