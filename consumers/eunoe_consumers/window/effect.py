"""The effect of the group `window`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from eunoe_consumers.delivery.entry import Delivered
from eunoe_consumers.delivery.redis_client import RedisNotReady
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.window.window import Windows
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope


class Unplaceable(PermanentError):
    """The entry has an id that has no place among the rows, so that no row will ever stand for it."""


class AppendToWindows:
    """Appends a batch to the windows of its scopes; one scope's trouble is not another's."""

    def __init__(self, windows: Windows, turns: TurnReader) -> None:
        self._windows = windows
        self._turns = turns

    async def __call__(self, batch: Sequence[Delivered[MessageEvent]]) -> Mapping[str, EunoeError]:
        """Apply a batch; the entries of a scope that failed are named with the error."""
        scopes: dict[Scope, list[Delivered[MessageEvent]]] = defaultdict(list)
        failures: dict[str, EunoeError] = {}
        for delivered in batch:
            try:
                _ = delivered.order.position
            except ValueError as error:  # the group `embed` could not store it: what no row can hold, no window does
                failures[delivered.id] = Unplaceable(str(error))
            else:
                scopes[delivered.event.scope].append(delivered)
        for scope, deliveries in scopes.items():
            try:
                await self._append(scope, [as_message(delivered) for delivered in deliveries])
            except (TransientError, PermanentError) as error:
                failures.update(dict.fromkeys((delivered.id for delivered in deliveries), error))
        if len(failures) == len(batch) and all(isinstance(error, RedisNotReady) for error in failures.values()):
            # Redis is away for every scope alike: the batch waits for it in hand. Where only PostgreSQL is away, the
            # windows that are there go on; entries of the others stay pending, and the reclaimer brings them.
            raise next(iter(failures.values()))
        return failures

    async def _append(self, scope: Scope, messages: Sequence[WindowMessage]) -> None:
        if await self._windows.append(scope, messages):
            return
        # New, or lost: the first message after a loss must not pass for the whole past.
        loaded = await self._turns.last(scope, self._windows.size)
        await self._windows.append(scope, messages, loaded=loaded)


def as_message(delivered: Delivered[MessageEvent]) -> WindowMessage:
    """Return the window's element of a message."""
    event = delivered.event
    return WindowMessage(
        role=event.role,
        content=event.content,
        id=delivered.id,
        event_id=event.event_id,
        at=event.occurred_at or delivered.order.time,
        session_id=event.session_id,
        speaker=event.speaker,
    )
