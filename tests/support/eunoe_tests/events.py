"""Events for tests."""

from typing import Any
from uuid import UUID

from eunoe_schema import MessageEvent, Scope

AGENT = UUID("a0000000-0000-4000-8000-000000000001")
OTHER_AGENT = UUID("a0000000-0000-4000-8000-000000000002")


def scope_of(tenant: UUID, user: str = "ada", agent: UUID = AGENT) -> Scope:
    """Return a scope."""
    return Scope(tenant_id=tenant, agent_id=agent, user_id=user)


def event_of(scope: Scope, event_id: str, content: str = "hello", **fields: Any) -> MessageEvent:
    """Return an event of a scope."""
    return MessageEvent(
        event_id=event_id,
        tenant_id=scope.tenant_id,
        agent_id=scope.agent_id,
        user_id=scope.user_id,
        role=fields.pop("role", "user"),
        content=content,
        **fields,
    )
