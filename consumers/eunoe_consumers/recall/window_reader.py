"""Read a window: after a given write if the request asks for it, and from PostgreSQL if Redis lost the window."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from eunoe_consumers.delivery.entry_states import EntryProgress, EntryState, EntryStates
from eunoe_consumers.errors import EventConflict, TransientError
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.window.window import Windows
from eunoe_schema.codec import Refusal, decode
from eunoe_schema.entries import EntryOrder
from eunoe_schema.event_ids import fingerprint_of
from eunoe_schema.recall import Freshness, WindowMessage
from eunoe_schema.scope import Scope
from eunoe_schema.text import Name

# A consumer applies an entry within milliseconds. A longer wait is for the end of an outage, so polls grow rare.
_FIRST_POLL_SECONDS = 0.005
_LAST_POLL_SECONDS = 0.1
_POLL_GROWTH = 1.3


class WindowUnknown(TransientError):
    """The window is not in Redis, and PostgreSQL cannot say whether the scope has turns."""


class _Message(BaseModel):
    """The members of an entry that say which message it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: Name
    role: str
    content: str
    thread_id: str | None = None
    channel: str | None = None


@dataclass(frozen=True)
class FreshWindow:
    """A window and its freshness."""

    messages: Sequence[WindowMessage]
    freshness: Freshness


class WindowReader:
    """Reads windows for contexts."""

    def __init__(self, windows: Windows, turns: TurnReader, states: EntryStates) -> None:
        self._windows = windows
        self._turns = turns
        self._states = states

    @property
    def size(self) -> int:
        """How many messages a window holds at most."""
        return self._windows.size

    async def read(self, scope: Scope, *, after: str | None, wait_seconds: float) -> FreshWindow:
        """Return the whole window of a scope. Wait until the entry `after` is applied, or can no longer be applied.

        An entry is applied if it is in the window, or if it has left a full window. An event that was published twice
        is also applied if the window holds it under its other entry id. An entry is not applied if its event id names
        another message in the window.

        Raises:
            WrongKeyType: If the key is not a list.
            RedisUnavailable: If Redis failed.
            WindowUnknown: If the window is absent and PostgreSQL failed.
        """
        started, pause = time.monotonic(), _FIRST_POLL_SECONDS
        messages = await self._windows.read(scope) or await self._rebuild(scope)
        if after is None:
            return FreshWindow(messages, Freshness(latest_entry_id=_latest(messages)))
        reason: str | None = None
        while not self._holds(messages, after):
            state = await self._states.of(after)
            if state.progress is not EntryProgress.WAITING:
                messages = await self._windows.read(scope)  # it may have been applied since the last read
                if not self._holds(messages, after):
                    reason = _why_not(after, state, messages)
                break
            if time.monotonic() - started >= wait_seconds:
                reason = f"entry {after} still waits for a consumer of the group window"
                break
            await asyncio.sleep(pause)
            pause = min(pause * _POLL_GROWTH, _LAST_POLL_SECONDS)
            messages = await self._windows.read(scope)
        freshness = Freshness(
            latest_entry_id=_latest(messages),
            after=after,
            applied=reason is None,
            reason=reason,
            waited_ms=round((time.monotonic() - started) * 1000, 3),
        )
        return FreshWindow(messages, freshness)

    async def _rebuild(self, scope: Scope) -> list[WindowMessage]:
        """Rebuild the window of a scope from its turns. A new scope has none, and an empty window."""
        try:
            loaded = await self._turns.last(scope, self._windows.size)
        except StoreUnavailable as error:
            raise WindowUnknown(f"the window is not in Redis, and PostgreSQL failed to rebuild it: {error}") from error
        if not loaded:
            return []
        await self._windows.append(scope, (), loaded=loaded)
        return await self._windows.read(scope)

    def _holds(self, messages: Sequence[WindowMessage], entry_id: str) -> bool:
        if any(message.id == entry_id for message in messages):
            return True
        first = next((message.id for message in messages if message.id), None)
        full = len(messages) >= self._windows.size
        return full and first is not None and EntryOrder.parse(entry_id) < EntryOrder.parse(first)


def _latest(messages: Sequence[WindowMessage]) -> str | None:
    return next((message.id for message in reversed(messages) if message.id), None)


def _why_not(entry_id: str, state: EntryState, messages: Sequence[WindowMessage]) -> str | None:
    """Return why an entry is not in a window. Return None if its message is, from another entry of the same event."""
    if state.progress is EntryProgress.ABSENT:
        return (
            f"entry {entry_id} is neither on the stream nor in the window: Redis has lost it (`eunoe health` shows "
            "when), or the id is not from a receipt; publish the message again"
        )
    own = decode(state.fields, _Message)
    if not isinstance(own, Refusal):
        for message in messages:
            if message.event_id == own.event_id:
                same = fingerprint_of(message) == fingerprint_of(own)
                return None if same else str(EventConflict(own.event_id))
    return f"entry {entry_id} left the stream without effect: see `eunoe dead list window` for the reason"
