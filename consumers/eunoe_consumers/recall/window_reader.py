"""Read the window, after one's own write if asked to."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from eunoe_consumers.window.window import Windows
from eunoe_schema.entries import EntryOrder
from eunoe_schema.recall import Freshness, WindowMessage
from eunoe_schema.scope import Scope

# A window consumer applies an entry within milliseconds; who waits for longer is waiting for an outage to end.
_FIRST_POLL_SECONDS = 0.005
_LAST_POLL_SECONDS = 0.1
_POLL_GROWTH = 1.3


@dataclass(frozen=True)
class FreshWindow:
    """A window and how current it is."""

    messages: Sequence[WindowMessage]
    freshness: Freshness


async def read_window(windows: Windows, scope: Scope, *, after: str | None, patience_seconds: float) -> FreshWindow:
    """Return a scope's whole window, waiting until the entry `after` is applied or patience runs out.

    An entry is applied when it is in the window, or when the window is full and begins later: then it has been there.

    Raises:
        WrongKeyType: If the key holds something else than a list.
        RedisUnavailable: If Redis failed.
    """
    started, pause = time.monotonic(), _FIRST_POLL_SECONDS
    while True:
        messages = await windows.read(scope)
        applied = None if after is None else _holds(messages, after, full=len(messages) >= windows.size)
        waited = time.monotonic() - started
        if applied is not False or waited >= patience_seconds:
            latest = next((message.id for message in reversed(messages) if message.id), None)
            freshness = Freshness(
                latest_entry_id=latest,
                after=after,
                applied=applied,
                waited_ms=0.0 if after is None else round(waited * 1000, 3),
            )
            return FreshWindow(messages, freshness)
        await asyncio.sleep(pause)
        pause = min(pause * _POLL_GROWTH, _LAST_POLL_SECONDS)


def _holds(messages: Sequence[WindowMessage], entry_id: str, *, full: bool) -> bool:
    if any(message.id == entry_id for message in messages):
        return True
    first = next((message.id for message in messages if message.id), None)
    return full and first is not None and EntryOrder.parse(entry_id) < EntryOrder.parse(first)
