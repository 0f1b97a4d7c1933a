"""Threads in which the agent was mentioned or answered, so that later messages need no new mention."""

from datetime import UTC, datetime
from uuid import UUID

from eunoe_producers.threads.expiry import ExpiringThread, milliseconds
from eunoe_producers.threads.records import Records
from eunoe_schema import keys
from eunoe_schema.threads import Thread
from eunoe_schema.validation import checked


class EngagedThreads:
    """Remembers in which threads the agent takes part."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def engage(self, tenant_id: UUID, thread_id: str, *, expires_after_seconds: float | None = None) -> None:
        """Take part in a thread from now on; in one where the agent does already, the expiry is set anew.

        Args:
            tenant_id: The tenant.
            thread_id: The channel's thread id, 1..256 characters.
            expires_after_seconds: When the agent has to be mentioned again, counted from now; None for never.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        asked = checked(ExpiringThread, tenant_id=tenant_id, thread_id=thread_id, seconds=expires_after_seconds)
        key = keys.engaged(asked.tenant_id, asked.thread_id)
        since = datetime.now(UTC).isoformat()  # for a person who looks; only the key's presence counts
        expires_ms = milliseconds(asked.seconds) or None
        await self._records.run(key, lambda: self._records.redis.set(key, since, px=expires_ms))

    async def is_engaged(self, tenant_id: UUID, thread_id: str) -> bool:
        """Tell whether the agent takes part in a thread.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        key = self._key(tenant_id, thread_id)
        return await self._records.run(key, lambda: self._records.redis.exists(key)) == 1

    async def disengage(self, tenant_id: UUID, thread_id: str) -> bool:
        """Leave a thread until the next mention; tell whether the agent took part.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        key = self._key(tenant_id, thread_id)
        return await self._records.run(key, lambda: self._records.redis.delete(key)) == 1

    @staticmethod
    def _key(tenant_id: UUID, thread_id: str) -> str:
        thread = checked(Thread, tenant_id=tenant_id, thread_id=thread_id)
        return keys.engaged(thread.tenant_id, thread.thread_id)
