"""Threads handed to a human or to another agent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from eunoe_producers.threads.expiry import milliseconds
from eunoe_producers.threads.records import Records
from eunoe_schema import keys
from eunoe_schema.codec import encode
from eunoe_schema.threads import Escalation, Thread
from eunoe_schema.validation import checked


@dataclass(frozen=True)
class Resolved:
    """This call resolved the escalation."""

    escalation: Escalation


@dataclass(frozen=True)
class AlreadyResolved:
    """Somebody resolved the escalation before; its `resolved_at` says when."""

    escalation: Escalation


@dataclass(frozen=True)
class NotEscalated:
    """There is no such escalation.

    Attributes:
        standing: The escalation that stands instead of the one named, if any: it was left as it is.
    """

    standing: Escalation | None = None


class Escalations:
    """Hands threads over and takes them back; what was resolved is remembered for a while, to tell it from nothing."""

    def __init__(self, records: Records, *, settled_seconds: float) -> None:
        self._records = records
        self._settled_ms = milliseconds(settled_seconds)

    async def escalate(
        self, tenant_id: UUID, thread_id: str, *, kind: Literal["human", "agent"], target: str, reason: str
    ) -> Escalation:
        """Hand a thread over; an escalation that stands is replaced, as when an agent passes on to a human.

        Args:
            tenant_id: The tenant.
            thread_id: The channel's thread id, 1..256 characters.
            kind: Whether a human or another agent takes over.
            target: The person or queue, 1..256 characters; the agent's id for an agent.
            reason: Why, 1..4,096 characters.

        Returns:
            The escalation, which stands until it is resolved.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        key = _key(tenant_id, thread_id)
        escalation = checked(
            Escalation, id=uuid4().hex, kind=kind, target=target, reason=reason, since=datetime.now(UTC)
        )
        await self._records.run(key, lambda: self._records.redis.set(key, encode(escalation)))
        return escalation

    async def status(self, tenant_id: UUID, thread_id: str) -> Escalation | None:
        """Return the escalation that stands; None where the thread is the agent's own.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the key holds no such record.
            RedisUnavailable: If Redis stayed away.
        """
        _, escalation = await self._records.read(_key(tenant_id, thread_id), Escalation)
        return None if escalation is None or escalation.resolved_at else escalation

    async def resolve(
        self, tenant_id: UUID, thread_id: str, *, escalation_id: str | None = None
    ) -> Resolved | AlreadyResolved | NotEscalated:
        """Give a thread back to its agent; of any number of calls at once, exactly one resolves.

        Args:
            tenant_id: The tenant.
            thread_id: The channel's thread id, 1..256 characters.
            escalation_id: Resolve this one only, and not one that has replaced it; None for whichever stands.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the key holds no such record.
            RedisUnavailable: If Redis stayed away.
        """
        key = _key(tenant_id, thread_id)
        resolution = {"resolved_at": datetime.now(UTC), "resolution": uuid4().hex}
        while True:  # each further round means that somebody else has changed the record
            read, found = await self._records.read(key, Escalation)
            if found is None:
                return NotEscalated()
            if escalation_id not in {None, found.id}:
                return NotEscalated(standing=None if found.resolved_at else found)
            if found.resolved_at:
                return AlreadyResolved(found)
            resolved = found.model_copy(update=resolution)
            if await self._records.replace(key, read, resolved, expires_ms=self._settled_ms):
                return Resolved(resolved)


def _key(tenant_id: UUID, thread_id: str) -> str:
    thread = checked(Thread, tenant_id=tenant_id, thread_id=thread_id)
    return keys.escalation(thread.tenant_id, thread.thread_id)
