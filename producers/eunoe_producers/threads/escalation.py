"""Threads that are handed to a human or another agent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from eunoe_producers.threads.records import Records, milliseconds, thread_key
from eunoe_schema import keys
from eunoe_schema.codec import encode
from eunoe_schema.threads import Escalation
from eunoe_schema.validation import checked


@dataclass(frozen=True)
class Resolved:
    """This call resolved the escalation."""

    escalation: Escalation


@dataclass(frozen=True)
class AlreadyResolved:
    """An earlier call resolved the escalation. Its `resolved_at` says when."""

    escalation: Escalation


@dataclass(frozen=True)
class NotEscalated:
    """There is no such escalation.

    Attributes:
        standing: Another escalation of the thread, which is open and unchanged; None if there is none.
    """

    standing: Escalation | None = None


class Escalations:
    """Hands threads over and takes them back.

    A resolved escalation is kept for a while. So a second `resolve` learns that the first one succeeded.
    """

    def __init__(self, records: Records, *, settled_seconds: float) -> None:
        self._records = records
        self._settled_ms = milliseconds(settled_seconds)

    async def escalate(
        self, tenant_id: UUID, thread_id: str, *, kind: Literal["human", "agent"], target: str, reason: str
    ) -> Escalation:
        """Hand a thread over. An open escalation is replaced, for example when an agent passes on to a human.

        Args:
            tenant_id: The tenant.
            thread_id: The id of the thread in the channel, 1..256 characters.
            kind: Whether a human or another agent takes over.
            target: The person, the queue, or the id of the agent; 1..256 characters.
            reason: The reason, 1..4,096 characters.

        Returns:
            The escalation. It is open until it is resolved.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        key = thread_key(keys.escalation, tenant_id, thread_id)
        escalation = checked(
            Escalation, id=uuid4().hex, kind=kind, target=target, reason=reason, since=datetime.now(UTC)
        )
        await self._records.run(key, lambda: self._records.redis.set(key, encode(escalation)))
        return escalation

    async def status(self, tenant_id: UUID, thread_id: str) -> Escalation | None:
        """Return the open escalation of a thread; None if the agent handles the thread itself.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the value in Redis is not an escalation.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        _, escalation = await self._records.read(thread_key(keys.escalation, tenant_id, thread_id), Escalation)
        return None if escalation is None or escalation.resolved_at else escalation

    async def resolve(
        self, tenant_id: UUID, thread_id: str, *, escalation_id: str | None = None
    ) -> Resolved | AlreadyResolved | NotEscalated:
        """Give a thread back to its agent. Of any number of concurrent calls, exactly one returns `Resolved`.

        Args:
            tenant_id: The tenant.
            thread_id: The id of the thread in the channel, 1..256 characters.
            escalation_id: Resolve only this escalation, not a later one; None for the open one.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the value in Redis is not an escalation.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        key = thread_key(keys.escalation, tenant_id, thread_id)
        resolution = {"resolved_at": datetime.now(UTC), "resolution": uuid4().hex}
        while True:  # repeats only after another caller has changed the record
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
