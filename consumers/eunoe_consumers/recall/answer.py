"""Make the context for a request: the window and the turns, each as far as it can be had in time."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog

from eunoe_consumers.recall.memory_search import MemoryRecall, RecalledMemories
from eunoe_consumers.recall.ranking.fusion import Ranked
from eunoe_consumers.recall.selection import NOTHING_SELECTED, Selection
from eunoe_consumers.recall.turn_search import Stages, TurnSearch
from eunoe_consumers.recall.window_reader import FreshWindow, WindowReader
from eunoe_schema.errors import EunoeError
from eunoe_schema.recall import Context, Freshness, MissingPart, RecallRequest, Timings, WindowMessage

log = structlog.stdlib.get_logger()
ResultT = TypeVar("ResultT")

# Part of the deadline kept for search and reply when a request waits for its own write. Of it, half is kept when a part
# is late, for what is left to do with the other one, and of that half again for the reply's way back.
_RESERVED_SHARE = 0.2
# Requests of a process that may wait for their own write at a time. One beyond them is answered at once, and told that
# its write is not there: waiting must not take the place of those who have nothing to wait for.
_WAITERS = 200


@dataclass(frozen=True)
class Timed(Generic[ResultT]):
    """The outcome of a part, and how long it took."""

    result: ResultT | None
    reason: str | None
    ms: float


class RecallAnswerer:
    """Answers from window, turns and memories; a part that fails or is late is named, and the rest is returned."""

    def __init__(self, windows: WindowReader, search: TurnSearch, selection: Selection, memories: MemoryRecall) -> None:
        self._windows = windows
        self._search = search
        self._selection = selection
        self._memories = memories
        self._waiting = 0

    async def answer(self, request: RecallRequest, *, asked_at: datetime, queued_ms: float) -> Context:
        """Return the context for a request; never raises for a failed part.

        Args:
            request: The request.
            asked_at: When it was appended to the stream.
            queued_ms: How long it has waited already.
        """
        started = time.monotonic()
        ends = started + request.deadline_seconds * (1 - _RESERVED_SHARE / 2) - queued_ms / 1000
        patience = request.deadline_seconds * (1 - _RESERVED_SHARE) - queued_ms / 1000
        if request.after is not None and self._waiting >= _WAITERS:
            patience = 0.0
        stages = Stages()
        window, found, remembered = await asyncio.gather(
            _timed(self._read_window(request, patience), ends),
            _timed(self._find(request, asked_at, stages), ends),
            _timed(self._memories.find(request), ends),
        )
        shown = _shown(window.result, request)
        # What is shown in the window is not repeated, nor is the message being answered.
        excluded = {*_excluded(window.result, request), *(m.event_id for m in shown if m.event_id)}
        selecting_ends = ends + request.deadline_seconds * _RESERVED_SHARE / 4
        selected = await _timed(self._selection.select(request, found.result or (), excluded), selecting_ends)
        missing = [MissingPart(part="window", reason=window.reason)] if window.reason else []
        if reason := found.reason or selected.reason:
            missing.append(MissingPart(part="turns", reason=reason))
        if remembered.reason:
            missing.append(MissingPart(part="memories", reason=remembered.reason))
        turns = selected.result or NOTHING_SELECTED
        beside = remembered.result or RecalledMemories()
        return Context(
            window=tuple(shown),
            directives=beside.directives,
            memories=beside.memories,
            turns=turns.turns,
            cut=turns.cut,
            freshness=window.result.freshness if window.result else Freshness(after=request.after),
            timings=Timings(
                queued_ms=round(queued_ms, 3),
                embed_ms=stages.embed_ms,
                window_ms=window.ms,
                lexical_ms=stages.lexical_ms,
                turns_ms=round(stages.turns_ms + selected.ms, 3),
                memories_ms=remembered.ms,
                total_ms=round((time.monotonic() - started) * 1000, 3),
            ),
            missing=tuple(missing),
        )

    async def _find(self, request: RecallRequest, asked_at: datetime, stages: Stages) -> Sequence[Ranked]:
        top_k = self._selection.top_k(request)
        if top_k == 0:
            return ()
        return await self._search.find(
            request.scope,
            request.query,
            asked_at=request.asked_at or asked_at,
            wanted=top_k,
            beyond=len(request.exclude) + self._windows.size,  # messages of the window are left out of what is found
            stages=stages,
        )

    async def _read_window(self, request: RecallRequest, patience_seconds: float) -> FreshWindow:
        waits = request.after is not None and patience_seconds > 0
        self._waiting += waits
        try:
            return await self._windows.read(request.scope, after=request.after, patience_seconds=patience_seconds)
        finally:
            self._waiting -= waits


def _excluded(window: FreshWindow | None, request: RecallRequest) -> set[str]:
    """Return the event ids that must not come back; an entry id in `after` is looked up in the window."""
    excluded = set(request.exclude)
    if window is not None and request.after is not None:
        excluded |= {m.event_id for m in window.messages if m.id == request.after and m.event_id}
    return excluded


def _shown(window: FreshWindow | None, request: RecallRequest) -> Sequence[WindowMessage]:
    """Return the window's part that the request asks for."""
    if window is None or request.window == 0:
        return ()
    excluded = _excluded(window, request)
    left = [message for message in window.messages if message.event_id is None or message.event_id not in excluded]
    return left if request.window is None else left[-request.window :]


async def _timed(part: Awaitable[ResultT], ends: float) -> Timed[ResultT]:
    """Await a part until the moment `ends` of the monotonic clock; a failure becomes its reason."""
    started = time.monotonic()

    def took() -> float:
        return round((time.monotonic() - started) * 1000, 3)

    task = asyncio.ensure_future(part)
    try:
        await asyncio.wait({task}, timeout=max(0.0, ends - started))
    finally:  # also when this request itself is cancelled: its part must not go on for nobody
        if not task.done():
            task.cancel()
    if not task.done():
        # Told to end, but not waited for: a driver's cancellation may wait for a server that hangs.
        _abandoned.add(task)
        task.add_done_callback(_forget)
        return Timed(None, f"not done within {took():.0f} ms, all that the deadline left for it", took())
    try:
        return Timed(task.result(), None, took())
    except EunoeError as error:
        return Timed(None, str(error), took())
    except Exception as error:
        log.exception("a part of a recall failed")
        return Timed(None, f"unforeseen {type(error).__name__}: {error}", took())


_abandoned: set["asyncio.Future[Any]"] = set()  # the event loop keeps no reference of its own


def _forget(part: "asyncio.Future[Any]") -> None:
    """Let go of an abandoned part; its error, if any, was answered for already."""
    _abandoned.discard(part)
    if not part.cancelled():
        part.exception()
