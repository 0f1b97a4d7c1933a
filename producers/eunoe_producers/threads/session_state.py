"""The state that an orchestrator saves for a thread, with optimistic concurrency."""

import json
from collections.abc import Mapping
from typing import Annotated, cast
from uuid import UUID, uuid4

from pydantic import Field, JsonValue

from eunoe_producers.threads.errors import StateConflict, UnreadableRecord
from eunoe_producers.threads.records import ExpiringThread, Records, milliseconds, thread_key
from eunoe_schema import keys
from eunoe_schema.threads import JsonObject, SessionRecord, SessionState
from eunoe_schema.validation import checked


class _Save(ExpiringThread):
    state: JsonObject
    expected_version: Annotated[int, Field(ge=0)]


class SessionStates:
    """Loads and saves session states. When two callers change the same version, the second gets `StateConflict`.

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
        """Return the state of a thread and its version; `({}, 0)` if none was saved.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the value in Redis is not a session state.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        _, record = await self._records.read(thread_key(keys.session, tenant_id, thread_id), SessionRecord)
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
        """Save a state, if its version in Redis is still `expected_version`.

        Args:
            tenant_id: The tenant.
            thread_id: The id of the thread in the channel, 1..256 characters.
            state: A JSON object of at most 256 KiB.
            expected_version: The version that `load` or the last `save` returned; 0 if none was saved.
            expires_after_seconds: After how many seconds the state is deleted; None for never.

        Returns:
            The new version. It is larger than all earlier versions of the thread.

        Raises:
            StateConflict: If the version in Redis is another one, `current_version`.
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the value in Redis is not a session state.
            RedisUnavailable: If Redis did not answer until the retry time was over.
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
        """Delete a state of any version, and return whether there was one. Raises the errors of `load`."""
        return await self._records.delete(thread_key(keys.session, tenant_id, thread_id))
