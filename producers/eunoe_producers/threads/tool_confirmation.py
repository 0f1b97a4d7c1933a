"""Tool calls that the user must confirm. Each question is answered once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from eunoe_producers.threads.errors import ToolCallPending
from eunoe_producers.threads.records import ExpiringThread, Records, milliseconds, thread_key
from eunoe_schema import keys
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.threads import ToolCall, ToolConfirmation
from eunoe_schema.validation import checked

DEFAULT_EXPIRY_SECONDS = 3600.0


@dataclass(frozen=True)
class Answered:
    """This call gave the answer. Only the caller that gets this result may act on it."""

    confirmation: ToolConfirmation


@dataclass(frozen=True)
class AlreadyAnswered:
    """An earlier call gave the answer. The confirmation says which answer, and when."""

    confirmation: ToolConfirmation


@dataclass(frozen=True)
class NothingPending:
    """There is no such question: it was never asked, it was withdrawn or replaced, or it expired."""


class ToolConfirmations:
    """Asks about one tool call of a thread at a time. Of concurrent answers, exactly one counts.

    An answered question is kept for a while, so that a second answer learns about the first.
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
        """Ask about a tool call. If the same call was asked about before, return that question, answered or not.

        Args:
            tenant_id: The tenant.
            thread_id: The id of the thread in the channel, 1..256 characters.
            call: The tool call, or its fields. It needs an id of its own.
            expires_after_seconds: When the question expires.
            replace: Whether to replace a question about another call that is still waiting for its answer.

        Raises:
            ToolCallPending: If a question about another call is still waiting for its answer.
            InvalidEvent: If an argument breaks the contract, or another call has the same id.
            UnreadableRecord: If the value in Redis is not a tool confirmation.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        asked = checked(ExpiringThread, tenant_id=tenant_id, thread_id=thread_id, seconds=expires_after_seconds)
        key = keys.tool_confirm(asked.tenant_id, asked.thread_id)
        call = call if isinstance(call, ToolCall) else checked(ToolCall, **call)
        now = datetime.now(UTC)
        expires_at = now + timedelta(seconds=expires_after_seconds)
        question = ToolConfirmation(call=call, requested_at=now, expires_at=expires_at)
        while True:  # repeats only after another caller has changed the record
            read, found = await self._records.read(key, ToolConfirmation)
            if found is not None:
                if found.call == call:
                    return found
                if found.call.id == call.id:
                    # Otherwise a late answer to the call that the user saw would confirm a call that nobody saw.
                    raise InvalidEvent(f"call.id: {call.id!r} was another call's: give each tool call its own id")
                if found.answer is None and not replace:
                    raise ToolCallPending(asked.thread_id, found)
            if await self._records.replace(key, read, question, expires_ms=milliseconds(asked.seconds)):
                return question

    async def pending(self, tenant_id: UUID, thread_id: str) -> ToolConfirmation | None:
        """Return the question that is waiting for its answer; None if there is none.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the value in Redis is not a tool confirmation.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        _, found = await self._records.read(thread_key(keys.tool_confirm, tenant_id, thread_id), ToolConfirmation)
        return found if found is not None and found.answer is None else None

    async def confirm(
        self, tenant_id: UUID, thread_id: str, call_id: str
    ) -> Answered | AlreadyAnswered | NothingPending:
        """Confirm a tool call.

        Args:
            tenant_id: The tenant.
            thread_id: The id of the thread in the channel, 1..256 characters.
            call_id: The id of the call that the user saw.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            UnreadableRecord: If the value in Redis is not a tool confirmation.
            RedisUnavailable: If Redis did not answer until the retry time was over.
        """
        return await self._answer(thread_key(keys.tool_confirm, tenant_id, thread_id), call_id, "confirmed")

    async def refuse(
        self, tenant_id: UUID, thread_id: str, call_id: str
    ) -> Answered | AlreadyAnswered | NothingPending:
        """Refuse a tool call. Takes the arguments of `confirm`, and raises its errors."""
        return await self._answer(thread_key(keys.tool_confirm, tenant_id, thread_id), call_id, "refused")

    async def withdraw(self, tenant_id: UUID, thread_id: str, call_id: str) -> bool:
        """Withdraw a question, and return whether it was pending. Raises the errors of `confirm`."""
        key = thread_key(keys.tool_confirm, tenant_id, thread_id)
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
