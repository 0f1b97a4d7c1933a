"""The orchestrator's state of a thread, saved with optimistic concurrency."""

import json
from collections.abc import Mapping
from typing import Annotated, cast
from uuid import UUID, uuid4

from pydantic import Field, JsonValue

from eunoe_producers.threads.errors import StateConflict, UnreadableRecord
from eunoe_producers.threads.expiry import ExpiringThread, milliseconds
from eunoe_producers.threads.records import Records
from eunoe_schema import keys
from eunoe_schema.threads import JsonObject, SessionRecord, SessionState, Thread
from eunoe_schema.validation import checked


class _Save(ExpiringThread):
    state: JsonObject
    expected_version: Annotated[int, Field(ge=0)]


class SessionStates:
    """Loads and saves session states; of two that changed the same version, the second is told.

    Example:
        ```python
        state, version = await threads.sessions.load(tenant_id, thread_id)
        version = await threads.sessions.save(tenant_id, thread_id, {**state, "step": 2}, version)
        ```
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._save = records.script("save_session")

    async def load(self, tenant_id: UUID, thread_id: str) -> SessionState:
        """Return state and version of a thread; `({}, 0)` where none was saved.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the key holds no such record.
            RedisUnavailable: If Redis stayed away.
        """
        thread = checked(Thread, tenant_id=tenant_id, thread_id=thread_id)
        _, record = await self._records.read(keys.session(thread.tenant_id, thread.thread_id), SessionRecord)
        return SessionState({}, 0) if record is None else SessionState(record.state, record.version)

    async def save(
        self,
        tenant_id: UUID,
        thread_id: str,
        state: Mapping[str, JsonValue],
        expected_version: int,
        *,
        expires_after_seconds: float | None = None,
    ) -> int:
        """Save a state, if the version that was loaded still stands.

        Args:
            tenant_id: The tenant.
            thread_id: The channel's thread id, 1..256 characters.
            state: A JSON object of at most 256 KiB.
            expected_version: The version that `load` or the last `save` returned; 0 where there was none.
            expires_after_seconds: When it is forgotten, counted from now; None for never.

        Returns:
            The new version, larger than every one that this thread ever had.

        Raises:
            StateConflict: If another version stands; carries it as `current_version`.
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the record that stands is none of Eunoe's.
            RedisUnavailable: If Redis stayed away.
        """
        asked = checked(
            _Save,
            tenant_id=tenant_id,
            thread_id=thread_id,
            seconds=expires_after_seconds,
            state=dict(state),
            expected_version=expected_version,
        )
        key = keys.session(asked.tenant_id, asked.thread_id)
        body = json.dumps(asked.state, ensure_ascii=False, separators=(",", ":"))
        args = [asked.expected_version, uuid4().hex, body, milliseconds(asked.seconds)]
        reply = await self._records.run(key, lambda: self._save([key], args))
        status, version = (part.decode() for part in cast("list[bytes]", reply))
        if status == "unreadable":
            raise UnreadableRecord(key, "no session state")
        if status == "conflict":
            raise StateConflict(asked.thread_id, asked.expected_version, int(version))
        return int(version)

    async def delete(self, tenant_id: UUID, thread_id: str) -> bool:
        """Forget a state, whatever its version; tell whether there was one.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RedisRefused: If Redis refused the command.
            RedisUnavailable: If Redis stayed away.
        """
        thread = checked(Thread, tenant_id=tenant_id, thread_id=thread_id)
        key = keys.session(thread.tenant_id, thread.thread_id)
        return await self._records.run(key, lambda: self._records.redis.delete(key)) == 1
