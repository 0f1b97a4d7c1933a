"""Every Redis key that Eunoe uses, made in one place.

No key of a tenant's data can be made without its tenant id, which comes first. Parts other than the last are
percent-encoded where they contain a colon (Matrix, Teams and WhatsApp ids do) or a percent sign, so that different
parts always give different keys. The shared streams and the sets beside them (`eunoe:...`) are the one named exception:
their entries name their tenant.
"""

from uuid import UUID

from eunoe_schema.scope import Scope

TENANTS = "eunoe:tenants"  # set of tenant ids; the member REGISTRY_MARK shows that it was filled from the table
REGISTRY_MARK = "-"
INCARNATION = "eunoe:incarnation"  # hash {incarnation, born_ms}: goes when Redis loses its data, and is made anew


def _encode(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


def _key(tenant_id: UUID, kind: str, *parts: str) -> str:
    *inner, last = parts
    return ":".join((str(tenant_id), kind, *map(_encode, inner), last))


def rate_limit(tenant_id: UUID, channel: str) -> str:
    """Hash {tokens, at}: the token bucket of a tenant's channel."""
    return _key(tenant_id, "ratelimit", channel)


def dedup(scope: Scope, event_id: str) -> str:
    """String: the entry id under which this event was published; expires.

    Channels number messages per chat, so the message's id is made of agent, user and event id.
    """
    return _key(scope.tenant_id, "dedup", str(scope.agent_id), scope.user_id, event_id)


def session(tenant_id: UUID, thread_id: str) -> str:
    """String (JSON): the orchestrator's state of a thread."""
    return _key(tenant_id, "session", thread_id)


def current_session(scope: Scope, thread_id: str) -> str:
    """Hash {session_id, at}: the derived session that a thread ('' where none) is in; expires when idle."""
    return _key(scope.tenant_id, "current_session", str(scope.agent_id), scope.user_id, thread_id)


def engaged(tenant_id: UUID, thread_id: str) -> str:
    """String: the agent was mentioned or answered in this thread."""
    return _key(tenant_id, "engaged", thread_id)


def window(scope: Scope) -> str:
    """List of JSON objects, oldest first: the sliding window of a scope; no expiry."""
    return _key(scope.tenant_id, "memory", "short", str(scope.agent_id), scope.user_id)


def escalation(tenant_id: UUID, thread_id: str) -> str:
    """String (JSON): the thread was handed to a human or to another agent."""
    return _key(tenant_id, "escalation", thread_id)


def tool_confirm(tenant_id: UUID, thread_id: str) -> str:
    """String (JSON): the tool call that awaits the user's yes."""
    return _key(tenant_id, "tool_confirm", thread_id)


def of_tenant(tenant_id: UUID) -> str:
    """Pattern of every key of a tenant, for SCAN."""
    return f"{tenant_id}:*"
