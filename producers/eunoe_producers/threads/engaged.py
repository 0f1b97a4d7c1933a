"""Threads in which the agent takes part, so that later messages need no new mention."""

from datetime import UTC, datetime
from uuid import UUID

from eunoe_producers.threads.records import ExpiringThread, Records, milliseconds, thread_key
from eunoe_schema import keys
from eunoe_schema.validation import checked


class EngagedThreads:
    """Remembers the threads in which the agent was mentioned or answered."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def engage(self, tenant_id: UUID, thread_id: str, *, expires_after_seconds: float | None = None) -> None:
        """Take part in a thread from now on. In a thread where the agent already takes part, set the new expiry.

        Args:
            tenant_id: The tenant.
            thread_id: The id of the thread in the channel, 1..256 characters.
            expires_after_seconds: After how many seconds the agent must be mentioned again; None for never.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        thread = checked(ExpiringThread, tenant_id=tenant_id, thread_id=thread_id, seconds=expires_after_seconds)
        key = keys.engaged(thread.tenant_id, thread.thread_id)
        since = datetime.now(UTC).isoformat()  # for people who look into Redis; only the presence of the key counts
        expires_ms = milliseconds(thread.seconds) or None
        await self._records.run(key, lambda: self._records.redis.set(key, since, px=expires_ms))

    async def is_engaged(self, tenant_id: UUID, thread_id: str) -> bool:
        """Return whether the agent takes part in a thread. Raises the errors of `engage`."""
        key = thread_key(keys.engaged, tenant_id, thread_id)
        return await self._records.run(key, lambda: self._records.redis.exists(key)) == 1

    async def disengage(self, tenant_id: UUID, thread_id: str) -> bool:
        """Leave a thread until the next mention. Return whether the agent took part. Raises the errors of `engage`."""
        return await self._records.delete(thread_key(keys.engaged, tenant_id, thread_id))
