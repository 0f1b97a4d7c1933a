"""Gateway, orchestrator and thread state in memory, for your unit tests. Install `eunoe[testing]`.

A test calls the real clients, the real validation and the real Lua scripts. Only the consumers are simulated: every
message is in its window at once, and the `cosine` of a turn compares words instead of meanings (`lexical_cosine`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from math import sqrt
from typing import Self, cast
from uuid import UUID, uuid4

from redis.asyncio import Redis

from eunoe_producers.connection import Client
from eunoe_producers.gateway import Gateway, GatewayOptions
from eunoe_producers.orchestrator import Orchestrator
from eunoe_producers.replies import ReplyChannel
from eunoe_producers.threads import ThreadOptions, ThreadState
from eunoe_schema import keys
from eunoe_schema.codec import decode, encode
from eunoe_schema.entries import EntryOrder
from eunoe_schema.event_ids import fingerprint_of
from eunoe_schema.events import MessageEvent
from eunoe_schema.recall import (
    Context,
    CutTurn,
    Freshness,
    Neighbour,
    RecallReply,
    RecallRequest,
    Turn,
    WindowMessage,
)
from eunoe_schema.scope import Scope
from eunoe_schema.streams import Group, Subject, reply_channel, stream

try:
    from fakeredis import FakeAsyncRedis, FakeServer
except ImportError as error:
    raise ImportError("eunoe_producers.testing needs fakeredis: pip install 'eunoe[testing]'") from error
if find_spec("lupa") is None:
    raise ImportError("eunoe_producers.testing needs fakeredis with its Lua extra: pip install 'eunoe[testing]'")

# The defaults of EUNOE_WINDOW_MESSAGES and EUNOE_RECALL_TOP_K.
WINDOW_MESSAGES = 20
TOP_K = 10
_PLACE = "memory"
_WORD = re.compile(r"\w+")


def lexical_cosine(one: str, other: str) -> float:
    """Return the cosine of the word counts of two texts: 0 without a common word, 1 for the same words.

    A word is a run of letters and digits; case does not matter. The values differ from the model's similarities. To
    make a message answer a query in a test, give it the words of the query.
    """
    counts, others = (Counter(_WORD.findall(text.casefold())) for text in (one, other))
    shared = sum(count * others[word] for word, count in counts.items())
    lengths = sqrt(sum(n * n for n in counts.values()) * sum(n * n for n in others.values()))
    return min(1.0, shared / lengths) if shared else 0.0


class InMemoryEunoe(Client):
    """A gateway, an orchestrator and a thread state that share one memory, isolated from other tests.

    There are no consumers. So `publish` raises `BacklogFull` after `options.limits.backlog_entries` events, until you
    call `drain`. A recall `after` an unknown entry is answered at once, with `freshness.applied` false.

    Example:
        ```python
        async with InMemoryEunoe() as eunoe:
            tenant_id = await eunoe.add_tenant()
            await my_handler(eunoe.gateway, eunoe.orchestrator, tenant_id)
            assert [event.content for event in await eunoe.published()] == ["Hello"]
        ```

    Attributes:
        gateway: A real `Gateway`.
        orchestrator: An `Orchestrator` whose requests are answered from this memory.
        threads: A real `ThreadState`.
    """

    def __init__(
        self, options: GatewayOptions | None = None, *, window_messages: int = WINDOW_MESSAGES, top_k: int = TOP_K
    ) -> None:
        options = options or GatewayOptions()
        server = FakeServer()
        self._redis = FakeAsyncRedis(server=server)
        # Each client has its own connection, so that closing one leaves the others open, as with a real Redis.
        self.gateway = Gateway(FakeAsyncRedis(server=server), place=_PLACE, options=options)
        self.orchestrator: Orchestrator = _InMemoryOrchestrator(
            FakeAsyncRedis(server=server), window_messages=window_messages, top_k=top_k
        )
        self.threads = ThreadState(
            FakeAsyncRedis(server=server), place=_PLACE, options=ThreadOptions(limits=options.limits)
        )

    async def add_tenant(self, tenant_id: UUID | None = None) -> UUID:
        """Register a tenant and return its id; without an argument, a new one."""
        tenant_id = tenant_id or uuid4()
        await self._redis.sadd(keys.TENANTS, str(tenant_id))
        return tenant_id

    async def published(self, scope: Scope | None = None) -> list[MessageEvent]:
        """Return the published events in stream order, of one scope or of all scopes."""
        return [event for _, event in await _messages(self._redis) if scope is None or event.scope == scope]

    async def drain(self) -> None:
        """Empty the backlog, as consumers do when they catch up. Windows and turns stay."""
        name = stream(Subject.MESSAGES)
        if not await self._redis.exists(name) or not await self._redis.xinfo_groups(name):
            await self._redis.xgroup_create(name, Group.WINDOW, id="0", mkstream=True)
        await self._redis.xreadgroup(Group.WINDOW, _PLACE, {name: ">"}, noack=True)

    async def close(self) -> None:
        """Close the clients and discard everything that was published."""
        for client in (self.gateway, self.orchestrator, self.threads):
            await client.close()
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        await self._redis.sadd(keys.TENANTS, keys.REGISTRY_MARK)
        return self


class _DirectReplies(ReplyChannel[RecallReply]):
    """Delivers replies without pub/sub."""

    def answer(self, reply: RecallReply) -> None:
        self._deliver(encode(reply))


class _InMemoryOrchestrator(Orchestrator):
    """An orchestrator that answers a request itself instead of appending it to the stream."""

    def __init__(self, redis: Redis, *, window_messages: int, top_k: int) -> None:
        self._direct = _DirectReplies(redis, reply_channel(_PLACE), RecallReply)
        super().__init__(redis, self._direct, place=_PLACE)
        self._window_messages = window_messages
        self._top_k = top_k

    async def _send(self, request: RecallRequest) -> None:
        if await self._redis.sismember(keys.TENANTS, str(request.tenant_id)):
            reply = RecallReply(request_id=request.request_id, context=await self._answer(request))
        else:
            reason = f"tenant_id: {request.tenant_id} is not a registered tenant"
            reply = RecallReply(request_id=request.request_id, error=reason)
        self._direct.answer(reply)

    async def _answer(self, request: RecallRequest) -> Context:
        """Return the context by the rules of the recall consumers.

        Messages in the window are not repeated as turns. `excerpts` and `asked_at` have no effect.
        """
        messages: dict[str, tuple[str, MessageEvent]] = {}
        after = request.after
        for entry_id, event in await _messages(self._redis):
            if event.scope == request.scope:
                first, known = messages.setdefault(event.event_id, (entry_id, event))
                if entry_id == after and fingerprint_of(event) == fingerprint_of(known):
                    after = first  # a repeated event counts at its first entry
        window = [_window_message(*message) for message in messages.values()][-self._window_messages :]
        excluded = {*request.exclude, *(message.event_id for message in window if message.id == request.after)}
        left = [message for message in window if message.event_id not in excluded]
        shown = left if request.window is None else left[max(0, len(left) - request.window) :]
        excluded |= {message.event_id for message in shown}
        turns = [
            _turn(entry_id, event, lexical_cosine(request.query, event.content))
            for event_id, (entry_id, event) in messages.items()
            if event_id not in excluded
        ]
        near = [turn for turn in turns if request.min_cosine is None or turn.cosine >= request.min_cosine]
        near.sort(key=lambda turn: (turn.cosine, EntryOrder.parse(turn.entry_id)), reverse=True)
        best = near[: self._top_k if request.top_k is None else request.top_k]
        if request.neighbours:
            best = _with_neighbours(best, list(messages.values()))
        if request.explain:
            best = [turn.model_copy(update={"explanation": {"cosine": turn.cosine}}) for turn in best]
        kept, cut = _within(request.token_budget, best)
        return Context(
            window=tuple(shown),
            turns=kept,
            cut=cut,
            freshness=Freshness(
                latest_entry_id=window[-1].id if window else None,
                after=request.after,
                applied=None if after is None else self._is_applied(window, after),
            ),
        )

    def _is_applied(self, window: Sequence[WindowMessage], entry_id: str) -> bool:
        """Return whether the entry is or was in the window. A full window has dropped older entries."""
        if any(message.id == entry_id for message in window):
            return True
        first = window[0].id if len(window) == self._window_messages else None
        return first is not None and EntryOrder.parse(entry_id) < EntryOrder.parse(first)


async def _messages(redis: Redis) -> list[tuple[str, MessageEvent]]:
    """Return the events of all scopes with their entry ids, in stream order."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(stream(Subject.MESSAGES)))
    decoded = [(entry_id.decode(), decode(fields, MessageEvent)) for entry_id, fields in entries]
    return [(entry_id, event) for entry_id, event in decoded if isinstance(event, MessageEvent)]


def _with_neighbours(turns: Sequence[Turn], messages: Sequence[tuple[str, MessageEvent]]) -> list[Turn]:
    """Return each turn with the messages before and after it in its session, or in its thread if it has no session."""
    sessions: dict[str, list[MessageEvent]] = defaultdict(list)
    for _, event in sorted(messages, key=lambda message: message[1].occurred_at or EntryOrder.parse(message[0]).time):
        sessions[event.session_id or event.thread_id or ""].append(event)
    beside: dict[str, dict[str, Neighbour | None]] = {}
    for session in sessions.values():
        shown = [
            Neighbour(event_id=event.event_id, role=event.role, content=event.content, speaker=event.speaker)
            for event in session
        ]
        for event, before, after in zip(session, [None, *shown], [*shown[1:], None], strict=False):
            beside[event.event_id] = {"before": before, "after": after}
    return [turn.model_copy(update=beside[turn.event_id]) for turn in turns]


def _within(budget: int | None, turns: Sequence[Turn]) -> tuple[tuple[Turn, ...], tuple[CutTurn, ...]]:
    """Return the best turns that fit into a budget, and the others. A token is a word here."""
    if budget is None:
        return tuple(turns), ()
    kept: list[Turn] = []
    cut: list[CutTurn] = []
    for turn in turns:
        texts = [turn.content, *(neighbour.content for neighbour in (turn.before, turn.after) if neighbour)]
        tokens = sum(len(_WORD.findall(text)) for text in texts)
        if tokens <= budget:
            kept.append(turn)
            budget -= tokens
        else:
            cut.append(CutTurn(event_id=turn.event_id, score=turn.score, tokens=tokens))
    return tuple(kept), tuple(cut)


def _window_message(entry_id: str, event: MessageEvent) -> WindowMessage:
    return WindowMessage(
        role=event.role,
        content=event.content,
        id=entry_id,
        event_id=event.event_id,
        at=event.occurred_at or EntryOrder.parse(entry_id).time,
        session_id=event.session_id,
        speaker=event.speaker,
        thread_id=event.thread_id,
        channel=event.channel,
        metadata=event.metadata,
    )


def _turn(entry_id: str, event: MessageEvent, cosine: float) -> Turn:
    return Turn(
        event_id=event.event_id,
        entry_id=entry_id,
        role=event.role,
        content=event.content,
        speaker=event.speaker,
        session_id=event.session_id,
        thread_id=event.thread_id,
        channel=event.channel,
        metadata=event.metadata,
        created_at=EntryOrder.parse(entry_id).time,
        occurred_at=event.occurred_at,
        cosine=cosine,
        score=cosine,
    )
