"""Make the context for a request: window, turns and memories, each as far as it is ready in time."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog

from eunoe_consumers.recall.long_query import ends_of
from eunoe_consumers.recall.memory_search import MemoryRecall, RecalledMemories
from eunoe_consumers.recall.ranking.fusion import Ranked
from eunoe_consumers.recall.selection import NOTHING_SELECTED, Selection
from eunoe_consumers.recall.turn_search import Stages, TurnSearch
from eunoe_consumers.recall.window_reader import FreshWindow, WindowReader
from eunoe_schema.errors import EunoeError
from eunoe_schema.recall import Context, Freshness, MissingPart, QueryCut, RecallRequest, Timings, WindowMessage

log = structlog.stdlib.get_logger()
ResultT = TypeVar("ResultT")

# The last share of a deadline, kept for the search and the reply. A request stops waiting for its own write when this
# share begins. The parts end at its half, the selection at three quarters; the last quarter sends the reply.
_RESERVED_SHARE = 0.2
# Requests per process that may wait for their own write at the same time. Further ones are answered at once, with the
# write reported as missing, so that waiting requests never block the others.
_MAX_WAITING = 200


@dataclass(frozen=True)
class Timed(Generic[ResultT]):
    """The result of a part, or the reason why it is missing, and how long it took."""

    result: ResultT | None
    reason: str | None
    ms: float


class RecallAnswerer:
    """Makes contexts. A part that fails or is late is named in `missing`, and the others are returned."""

    def __init__(self, windows: WindowReader, search: TurnSearch, selection: Selection, memories: MemoryRecall) -> None:
        self._windows = windows
        self._search = search
        self._selection = selection
        self._memories = memories
        self._waiting = 0

    async def answer(self, request: RecallRequest, *, asked_at: datetime, queued_ms: float) -> Context:
        """Return the context for a request. A failed part does not raise.

        Args:
            request: The request.
            asked_at: When it was appended to the stream.
            queued_ms: How long it has waited on the stream.
        """
        started = time.monotonic()
        query_chars = len(request.query)
        request = request.model_copy(update={"query": ends_of(request.query)})
        ends = started + request.deadline_seconds * (1 - _RESERVED_SHARE / 2) - queued_ms / 1000
        wait_seconds = request.deadline_seconds * (1 - _RESERVED_SHARE) - queued_ms / 1000
        if request.after is not None and self._waiting >= _MAX_WAITING:
            wait_seconds = 0.0
        stages = Stages()
        window, found, remembered = await asyncio.gather(
            _timed(self._read_window(request, wait_seconds), ends),
            _timed(self._find(request, asked_at, stages), ends),
            _timed(self._memories.find(request), ends),
        )
        shown = _shown(window.result, request)
        # Turns repeat neither a message of the shown window nor the message that is being answered.
        excluded = {*_excluded(window.result, request), *(m.event_id for m in shown if m.event_id)}
        selecting_ends = ends + request.deadline_seconds * _RESERVED_SHARE / 4
        selected = await _timed(self._selection.select(request, found.result or (), excluded), selecting_ends)
        missing = [MissingPart(part="window", reason=window.reason)] if window.reason else []
        if reason := found.reason or selected.reason:
            missing.append(MissingPart(part="turns", reason=reason))
        if remembered.reason:
            missing.append(MissingPart(part="memories", reason=remembered.reason))
        turns = selected.result or NOTHING_SELECTED
        memories = remembered.result or RecalledMemories()
        return Context(
            window=tuple(shown),
            directives=memories.directives,
            memories=memories.memories,
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
            query_cut=_query_cut(request, query_chars, stages),
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
            beyond=len(request.exclude) + self._windows.size,  # the selection leaves these out
            stages=stages,
        )

    async def _read_window(self, request: RecallRequest, wait_seconds: float) -> FreshWindow:
        waits = request.after is not None and wait_seconds > 0
        self._waiting += waits
        try:
            return await self._windows.read(request.scope, after=request.after, wait_seconds=wait_seconds)
        finally:
            self._waiting -= waits


def _query_cut(request: RecallRequest, query_chars: int, stages: Stages) -> QueryCut | None:
    """Return how much of a long query was used, or None if all of it was."""
    searched = len(request.query)
    if searched == query_chars and not stages.unread_chars:
        return None
    embedded_chars = max(0, searched - stages.unread_chars)
    return QueryCut(query_chars=query_chars, searched_chars=searched, embedded_chars=embedded_chars)


def _excluded(window: FreshWindow | None, request: RecallRequest) -> set[str]:
    """Return the event ids that the context must not repeat: the request's `exclude`, and the message of `after`."""
    excluded = set(request.exclude)
    if window is not None and request.after is not None:
        excluded |= {m.event_id for m in window.messages if m.id == request.after and m.event_id}
    return excluded


def _shown(window: FreshWindow | None, request: RecallRequest) -> Sequence[WindowMessage]:
    """Return the messages of the window that the request asks for."""
    if window is None or request.window == 0:
        return ()
    excluded = _excluded(window, request)
    left = [message for message in window.messages if message.event_id is None or message.event_id not in excluded]
    return left if request.window is None else left[-request.window :]


async def _timed(part: Awaitable[ResultT], ends: float) -> Timed[ResultT]:
    """Await a part until the time `ends` of the monotonic clock. A failure becomes a reason."""
    started = time.monotonic()

    def took() -> float:
        return round((time.monotonic() - started) * 1000, 3)

    task = asyncio.ensure_future(part)
    try:
        await asyncio.wait({task}, timeout=max(0.0, ends - started))
    finally:  # also if this request is cancelled, so that its part does not go on without it
        if not task.done():
            task.cancel()
    if not task.done():
        # Cancelled, but not awaited: the cancellation of a driver may wait for a server that hangs.
        _abandoned.add(task)
        task.add_done_callback(_forget)
        return Timed(None, f"not ready within {took():.0f} ms, the time that the deadline left for it", took())
    try:
        return Timed(task.result(), None, took())
    except EunoeError as error:
        return Timed(None, str(error), took())
    except Exception as error:
        log.exception("a part of a recall failed")
        return Timed(None, f"unforeseen {type(error).__name__}: {error}", took())


_abandoned: set["asyncio.Future[Any]"] = set()  # the event loop keeps no reference to its tasks


def _forget(part: "asyncio.Future[Any]") -> None:
    """Drop an abandoned part and its error, because the reply has named the part as missing."""
    _abandoned.discard(part)
    if not part.cancelled():
        part.exception()
