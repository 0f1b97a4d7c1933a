"""All Redis keys of Eunoe.

Each key of a tenant's data begins with the tenant id. Every part but the last is percent-encoded if it contains a colon
(ids of Matrix, Teams and WhatsApp do) or a percent sign, so that different parts always make different keys. The shared
streams and sets (`eunoe:...`) are the only keys without a tenant id. Their entries name the tenant.
"""

from uuid import UUID

from eunoe_schema.scope import Scope

TENANTS = "eunoe:tenants"  # set: tenant ids, and REGISTRY_MARK once the set was filled from the table of tenants
REGISTRY_MARK = "-"
REMOVED_TENANTS = "eunoe:removed_tenants"  # hash: tenant id and subject -> last entry id of the removed registration
INCARNATION = "eunoe:incarnation"  # hash {incarnation, born_ms}: disappears when Redis loses its data


def _encode(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


def _key(tenant_id: UUID, kind: str, *parts: str) -> str:
    *inner, last = parts
    return ":".join((str(tenant_id), kind, *map(_encode, inner), last))


def rate_limit(tenant_id: UUID, channel: str) -> str:
    """Hash {tokens, at}: the token bucket of a channel."""
    return _key(tenant_id, "ratelimit", channel)


def dedup(scope: Scope, event_id: str) -> str:
    """String: the entry id of a published event, a space, and the fingerprint of its message. Expires.

    Channels number messages per chat, so the key names agent and user, too.
    """
    return _key(scope.tenant_id, "dedup", str(scope.agent_id), scope.user_id, event_id)


def session(tenant_id: UUID, thread_id: str) -> str:
    """String (JSON): the state that the orchestrator saved for a thread."""
    return _key(tenant_id, "session", thread_id)


def current_session(scope: Scope, thread_id: str) -> str:
    """Hash {session id: "first last used"}: the last derived sessions of a thread ('' for messages without one).

    `first` and `last` are the times of its first and last message, in milliseconds since the epoch. The session with
    the highest `used` got the last message. The key expires when the thread is idle.
    """
    return _key(scope.tenant_id, "current_session", str(scope.agent_id), scope.user_id, thread_id)


def engaged(tenant_id: UUID, thread_id: str) -> str:
    """String: present if the agent was mentioned or answered in the thread."""
    return _key(tenant_id, "engaged", thread_id)


def window(scope: Scope) -> str:
    """List of JSON objects, oldest first: the sliding window. Never expires."""
    return _key(scope.tenant_id, "memory", "short", str(scope.agent_id), scope.user_id)


def escalation(tenant_id: UUID, thread_id: str) -> str:
    """String (JSON): the hand-over of a thread to a human or another agent."""
    return _key(tenant_id, "escalation", thread_id)


def tool_confirm(tenant_id: UUID, thread_id: str) -> str:
    """String (JSON): the tool call that the user must confirm."""
    return _key(tenant_id, "tool_confirm", thread_id)


def of_tenant(tenant_id: UUID) -> str:
    """Return the SCAN pattern of all keys of a tenant."""
    return f"{tenant_id}:*"
