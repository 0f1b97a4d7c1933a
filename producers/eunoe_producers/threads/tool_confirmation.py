"""Tool calls that await the user's yes, answered once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from eunoe_producers.threads.errors import ToolCallPending
from eunoe_producers.threads.expiry import ExpiringThread, milliseconds
from eunoe_producers.threads.records import Records
from eunoe_schema import keys
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.threads import Thread, ToolCall, ToolConfirmation
from eunoe_schema.validation import checked

DEFAULT_EXPIRY_SECONDS = 3600.0


@dataclass(frozen=True)
class Answered:
    """This call gave the answer: whoever gets it, and nobody else, acts on it."""

    confirmation: ToolConfirmation


@dataclass(frozen=True)
class AlreadyAnswered:
    """The question was answered before; the confirmation says how and when."""

    confirmation: ToolConfirmation


@dataclass(frozen=True)
class NothingPending:
    """The call was never asked about, was withdrawn or replaced, or the question lapsed."""


class ToolConfirmations:
    """Asks about one tool call of a thread at a time; of any number of answers at once, exactly one counts.

    An answered question is remembered for a while, so that a second answer learns of the first.
    """

    def __init__(self, records: Records, *, settled_seconds: float) -> None:
        self._records = records
        self._settled_ms = milliseconds(settled_seconds)

    async def ask(
        self,
        tenant_id: UUID,
        thread_id: str,
        call: ToolCall | Mapping[str, object],
        *,
        expires_after_seconds: float = DEFAULT_EXPIRY_SECONDS,
        replace: bool = False,
    ) -> ToolConfirmation:
        """Ask about a tool call. Asked again about the same one, return the question as it stands, answered or not.

        Args:
            tenant_id: The tenant.
            thread_id: The channel's thread id, 1..256 characters.
            call: The tool call, or its fields; with an id of its own.
            expires_after_seconds: When the question lapses.
            replace: Ask even though the answer about another call is still awaited; that question lapses.

        Raises:
            ToolCallPending: If the answer about another call is awaited.
            InvalidEvent: If an argument breaks the contract, or the id was another call's.
            UnreadableRecord: If the key holds no such record.
            RedisUnavailable: If Redis stayed away.
        """
        asked = checked(ExpiringThread, tenant_id=tenant_id, thread_id=thread_id, seconds=expires_after_seconds)
        key = keys.tool_confirm(asked.tenant_id, asked.thread_id)
        call = call if isinstance(call, ToolCall) else checked(ToolCall, **call)
        now = datetime.now(UTC)
        expires_at = now + timedelta(seconds=expires_after_seconds)
        question = ToolConfirmation(call=call, requested_at=now, expires_at=expires_at)
        while True:  # each further round means that somebody else has changed the record
            read, found = await self._records.read(key, ToolConfirmation)
            if found is not None:
                if found.call == call:
                    return found
                if found.call.id == call.id:
                    # A late yes to the call that the user has seen would confirm one that nobody has.
                    raise InvalidEvent(f"call.id: {call.id!r} was another call's: give each tool call its own id")
                if found.answer is None and not replace:
                    raise ToolCallPending(asked.thread_id, found)
            if await self._records.replace(key, read, question, expires_ms=milliseconds(asked.seconds)):
                return question

    async def pending(self, tenant_id: UUID, thread_id: str) -> ToolConfirmation | None:
        """Return the question that awaits its answer, if any.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the key holds no such record.
            RedisUnavailable: If Redis stayed away.
        """
        _, found = await self._records.read(_key(tenant_id, thread_id), ToolConfirmation)
        return found if found is not None and found.answer is None else None

    async def confirm(
        self, tenant_id: UUID, thread_id: str, call_id: str
    ) -> Answered | AlreadyAnswered | NothingPending:
        """Say yes to a tool call, once.

        Args:
            tenant_id: The tenant.
            thread_id: The channel's thread id, 1..256 characters.
            call_id: The id of the call that the user was shown.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the key holds no such record.
            RedisUnavailable: If Redis stayed away.
        """
        return await self._answer(_key(tenant_id, thread_id), call_id, "confirmed")

    async def refuse(
        self, tenant_id: UUID, thread_id: str, call_id: str
    ) -> Answered | AlreadyAnswered | NothingPending:
        """Say no to a tool call, once; arguments and errors are those of `confirm`."""
        return await self._answer(_key(tenant_id, thread_id), call_id, "refused")

    async def withdraw(self, tenant_id: UUID, thread_id: str, call_id: str) -> bool:
        """Let a question lapse now; tell whether it was pending. Errors are those of `confirm`."""
        key = _key(tenant_id, thread_id)
        while True:
            read, found = await self._records.read(key, ToolConfirmation)
            if found is None or found.call.id != call_id or found.answer is not None:
                return False
            if await self._records.replace(key, read, None):
                return True

    async def _answer(
        self, key: str, call_id: str, answer: Literal["confirmed", "refused"]
    ) -> Answered | AlreadyAnswered | NothingPending:
        reply = {"answer": answer, "answered_at": datetime.now(UTC), "reply": uuid4().hex}
        while True:
            read, found = await self._records.read(key, ToolConfirmation)
            if found is None or found.call.id != call_id:
                return NothingPending()
            if found.answer is not None:
                return AlreadyAnswered(found)
            answered = found.model_copy(update=reply)
            if await self._records.replace(key, read, answered, expires_ms=self._settled_ms):
                return Answered(answered)


def _key(tenant_id: UUID, thread_id: str) -> str:
    thread = checked(Thread, tenant_id=tenant_id, thread_id=thread_id)
    return keys.tool_confirm(thread.tenant_id, thread.thread_id)
