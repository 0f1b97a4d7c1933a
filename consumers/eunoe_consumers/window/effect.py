"""The effect of the group `window`: append messages, and load a new or lost window from PostgreSQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from eunoe_consumers.delivery.entry import Delivered
from eunoe_consumers.delivery.redis_client import RedisNotReady
from eunoe_consumers.errors import EventConflict, PermanentError, TransientError
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.window.window import Windows
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope


class Unplaceable(PermanentError):
    """The entry id is too large to be stored as a position, so no row can hold the message."""


class AppendToWindows:
    """Appends a batch to the windows of its scopes. A failure in one scope does not affect the others."""

    def __init__(self, windows: Windows, turns: TurnReader) -> None:
        self._windows = windows
        self._turns = turns

    async def __call__(self, batch: Sequence[Delivered[MessageEvent]]) -> Mapping[str, EunoeError]:
        """Apply a batch. Return the error of each entry in a failed scope, by entry id.

        Raises:
            RedisNotReady: If every scope failed because of Redis.
        """
        scopes: dict[Scope, list[Delivered[MessageEvent]]] = defaultdict(list)
        failures: dict[str, EunoeError] = {}
        for delivered in batch:
            try:
                _ = delivered.order.position
            except ValueError as error:  # the group `embed` cannot store it, so the window must not show it
                failures[delivered.id] = Unplaceable(str(error))
            else:
                scopes[delivered.event.scope].append(delivered)
        for scope, deliveries in scopes.items():
            try:
                conflicts = await self._append(scope, [as_message(delivered) for delivered in deliveries])
                failures |= {
                    delivered.id: EventConflict(delivered.event.event_id)
                    for delivered in deliveries
                    if delivered.id in conflicts
                }
            except (TransientError, PermanentError) as error:
                failures.update(dict.fromkeys((delivered.id for delivered in deliveries), error))
        if len(failures) == len(batch) and all(isinstance(error, RedisNotReady) for error in failures.values()):
            # Redis failed for every scope, so the whole batch stays in hand and is tried again. If only PostgreSQL
            # failed, existing windows still work; the entries of new scopes stay pending until they are claimed.
            raise next(iter(failures.values()))
        return failures

    async def _append(self, scope: Scope, messages: Sequence[WindowMessage]) -> frozenset[str]:
        """Append messages. Return the ids of entries whose event id names another message in the window."""
        if appended := await self._windows.append(scope, messages):
            return appended.conflicts
        # The window is new or was lost. After a loss, the first message must not look like the whole conversation.
        loaded = await self._turns.last(scope, self._windows.size)
        appended = await self._windows.append(scope, messages, loaded=loaded)
        return appended.conflicts if appended else frozenset()


def as_message(delivered: Delivered[MessageEvent]) -> WindowMessage:
    """Return a delivered event as an element of a window."""
    event = delivered.event
    return WindowMessage(
        role=event.role,
        content=event.content,
        id=delivered.id,
        event_id=event.event_id,
        at=event.occurred_at or delivered.order.time,
        session_id=event.session_id,
        speaker=event.speaker,
        thread_id=event.thread_id,
        channel=event.channel,
        metadata=event.metadata,
    )
