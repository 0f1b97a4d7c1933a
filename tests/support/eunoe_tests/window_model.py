"""What a sliding window must hold: the promise of append.lua in plain Python, and histories that put it to the test."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter
from typing import Literal, TypeAlias, cast

import pytest
from hypothesis import strategies as st
from redis.asyncio import Redis

from eunoe_consumers.window.window import TenantRemoved, Windows
from eunoe_schema import Scope, keys
from eunoe_schema.codec import encode
from eunoe_schema.entries import EntryOrder
from eunoe_schema.recall import WindowMessage

_BEGIN_MS = 1_700_000_000_000
_NO_ENTRY = EntryOrder(0, 0)  # older than every entry
_LAST_SEQUENCE = 2**20 - 1


@dataclass(frozen=True)
class Append:
    """A consumer appends messages; `raced`: it has loaded the past, and another consumer may have been faster."""

    messages: tuple[WindowMessage, ...]
    loaded: tuple[WindowMessage, ...]
    raced: bool


@dataclass(frozen=True)
class Resize:
    """The consumers start anew with another setting."""

    size: int


@dataclass(frozen=True)
class Foreign:
    """Another writer puts an element there that names no entry."""

    body: str


@dataclass(frozen=True)
class Lose:
    """Redis loses the window."""


@dataclass(frozen=True)
class Register:
    """The registry of tenants becomes: not filled, filled with the tenant, filled without it."""

    tenant: Literal["unknown", "present", "removed"]


Step: TypeAlias = Append | Resize | Foreign | Lose | Register


def message_of(milliseconds: int, sequence: int = 0, *, event_id: str | None = None) -> WindowMessage:
    """Return the message of an entry; without `event_id` its event has no other entry."""
    entry_id = f"{_BEGIN_MS + milliseconds}-{sequence}"
    return WindowMessage(role="user", content=f"é {entry_id}", id=entry_id, event_id=event_id or f"e-{entry_id}")


def _order(message: WindowMessage) -> EntryOrder:
    return EntryOrder.parse(message.id or "")


class WindowModel:
    """The promise.

    A window holds messages in stream order. A message is left out where its entry id or its event id stands in the
    window already, however often it comes: of two entries of one event the one applied first stands. One older than the
    first of a full window is left out too: it has been there. What is appended beyond the size pushes the oldest out.
    An element that names no entry stays behind the message that it was put behind; at the beginning of the list it is
    older than every message.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.held: list[tuple[EntryOrder | None, str | None, bytes]] | None = None

    def append(self, messages: Sequence[WindowMessage]) -> None:
        """Apply messages at once."""
        held = self.held or []
        oldest = (held[0][0] if len(held) >= self.size else None) or _NO_ENTRY
        entries, events = {order for order, _, _ in held}, {event for _, event, _ in held}
        places = list(accumulate((order for order, _, _ in held), lambda last, own: own or last, initial=_NO_ENTRY))[1:]
        placed = list(zip(places, held, strict=True))
        for message in messages:
            order, event = _order(message), message.event_id
            if order not in entries and event not in events and order >= oldest:
                placed.append((order, (order, event, encode(message))))
                entries.add(order)
                events.add(event)
        if len(placed) > len(held):
            self.held = [element for _, element in sorted(placed, key=itemgetter(0))][-self.size :]

    def put(self, body: str) -> None:
        """Put an element at the end, as another writer does."""
        self.held = [*(self.held or []), (None, None, body.encode())]

    @property
    def bodies(self) -> list[bytes]:
        """The list as any reader sees it."""
        return [body for _, _, body in self.held or []]


def newest(messages: Iterable[WindowMessage], size: int) -> list[WindowMessage]:
    """Return the last distinct messages in stream order."""
    return sorted(set(messages), key=_order)[-size:]


_sequences = st.integers(0, 12) | st.sampled_from([99, 100, 999, 1_000, 4_095, 9_999, 10_000, _LAST_SEQUENCE])
_places = st.tuples(st.integers(0, 5), _sequences)
_foreign = st.sampled_from(['{"role": "user", "content": "earlier"}', '{"id": 7}', "[]", "null", "no JSON", ""])


@st.composite
def streams(draw: st.DrawFn, *, repeats_events: bool) -> list[WindowMessage]:
    """Draw a scope's messages in any order: few milliseconds, sequence numbers up to the last; events twice or not."""
    places = draw(st.lists(_places, min_size=1, max_size=16, unique=True))
    if not repeats_events:
        return [message_of(*place) for place in places]
    events = draw(st.lists(st.none() | st.sampled_from("abc"), min_size=len(places), max_size=len(places)))
    return [message_of(*place, event_id=event) for place, event in zip(places, events, strict=True)]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Draw what may befall a window; the first step sets its size."""
    stream = draw(streams(repeats_events=True))
    some = st.lists(st.sampled_from(stream), max_size=8)
    appends = st.builds(
        Append,
        messages=some.filter(bool).map(tuple),
        loaded=some.map(lambda rows: tuple(newest(rows, 8))),
        raced=st.booleans(),
    )
    rest = (
        st.builds(Resize, st.integers(1, 8))
        | st.builds(Foreign, _foreign)
        | st.builds(Lose)
        | st.builds(Register, st.sampled_from(["unknown", "present", "removed"]))
    )
    steps: list[Step] = draw(st.lists(appends | appends | rest, min_size=1, max_size=14))
    return [Resize(draw(st.integers(1, 8))), *steps]


async def play(redis: Redis, scope: Scope, history: Sequence[Step]) -> None:
    """Let a history befall a scope's window, which must hold after each step what the promise says."""
    key, tenant = keys.window(scope), str(scope.tenant_id)
    await redis.delete(key, keys.TENANTS)
    model, windows, registered = WindowModel(0), Windows(redis, size=1), "unknown"
    for step in history:
        match step:
            case Resize(size):
                model.size, windows = size, Windows(redis, size=size)
            case Foreign(body):
                model.put(body)
                await redis.rpush(key, body)
            case Lose():
                model.held = None
                await redis.delete(key)
            case Register(registered):
                await redis.delete(keys.TENANTS)
                known = {"unknown": [], "present": [keys.REGISTRY_MARK, tenant], "removed": [keys.REGISTRY_MARK]}
                if known[registered]:
                    await redis.sadd(keys.TENANTS, *known[registered])
            case Append() if registered == "removed":
                with pytest.raises(TenantRemoved, match=tenant):
                    await windows.append(scope, step.messages, loaded=step.loaded)
            case Append():
                await _append(windows, model, scope, step)
        assert cast("list[bytes]", await redis.lrange(key, 0, -1)) == model.bodies
        _check(model)


async def _append(windows: Windows, model: WindowModel, scope: Scope, step: Append) -> None:
    """Append as the effect of the group does; a window that is there asks for nothing."""
    present = model.held is not None
    if not step.raced:
        assert await windows.append(scope, step.messages) is present
    if step.raced or not present:
        assert await windows.append(scope, step.messages, loaded=step.loaded)
        model.append([*step.loaded, *step.messages])
    else:
        model.append(step.messages)


def _check(model: WindowModel) -> None:
    """Check what must hold whatever befalls a window, lest model and script be wrong alike."""
    held = [(order, event) for order, event, _ in model.held or [] if order]
    assert held == sorted(held)
    assert len(held) == len({order for order, _ in held}) == len({event for _, event in held})
