"""A model of the sliding window in plain Python, and random histories that compare append.lua with it."""

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
    """A consumer appends messages. With `raced` it has loaded the past, and another consumer may have been faster."""

    messages: tuple[WindowMessage, ...]
    loaded: tuple[WindowMessage, ...]
    raced: bool


@dataclass(frozen=True)
class Resize:
    """The consumers restart with another window size."""

    size: int


@dataclass(frozen=True)
class Foreign:
    """Another writer appends an element without an entry id."""

    body: str


@dataclass(frozen=True)
class Lose:
    """Redis loses the window."""


@dataclass(frozen=True)
class Register:
    """The registry of tenants is changed: not filled, filled with the tenant, or filled without it."""

    tenant: Literal["unknown", "present", "removed"]


Step: TypeAlias = Append | Resize | Foreign | Lose | Register


def message_of(milliseconds: int, sequence: int = 0, *, event_id: str | None = None) -> WindowMessage:
    """Return the message of an entry. Without `event_id`, its event has no other entry."""
    entry_id = f"{_BEGIN_MS + milliseconds}-{sequence}"
    return WindowMessage(role="user", content=f"é {entry_id}", id=entry_id, event_id=event_id or f"e-{entry_id}")


def _order(message: WindowMessage) -> EntryOrder:
    return EntryOrder.parse(message.id or "")


class WindowModel:
    """The contents that a window must have after each step.

    A window holds messages in stream order. It ignores a message if it already holds the entry id or the event id, so
    the first applied entry of an event stays. A full window also ignores a message older than its first one, because
    that message was in it before. New messages beyond the size push out the oldest. An element without an entry id
    keeps its place behind the message before it. At the beginning of the list it counts as older than every message.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.held: list[tuple[EntryOrder | None, str | None, bytes]] | None = None

    def append(self, messages: Sequence[WindowMessage]) -> None:
        """Apply messages in one step."""
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
        """Append an element as another writer does."""
        self.held = [*(self.held or []), (None, None, body.encode())]

    @property
    def bodies(self) -> list[bytes]:
        """The elements of the list."""
        return [body for _, _, body in self.held or []]


def newest(messages: Iterable[WindowMessage], size: int) -> list[WindowMessage]:
    """Return the last `size` distinct messages in stream order."""
    return sorted({message.id: message for message in messages}.values(), key=_order)[-size:]


_sequences = st.integers(0, 12) | st.sampled_from([99, 100, 999, 1_000, 4_095, 9_999, 10_000, _LAST_SEQUENCE])
_places = st.tuples(st.integers(0, 5), _sequences)
_foreign = st.sampled_from(['{"role": "user", "content": "earlier"}', '{"id": 7}', "[]", "null", "no JSON", ""])


@st.composite
def streams(draw: st.DrawFn, *, repeats_events: bool) -> list[WindowMessage]:
    """Draw messages of a scope in any order. Many share a millisecond, and events may have two entries."""
    places = draw(st.lists(_places, min_size=1, max_size=16, unique=True))
    if not repeats_events:
        return [message_of(*place) for place in places]
    events = draw(st.lists(st.none() | st.sampled_from("abc"), min_size=len(places), max_size=len(places)))
    return [message_of(*place, event_id=event) for place, event in zip(places, events, strict=True)]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Draw a history of a window. The first step sets its size."""
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
    """Play a history, and compare the window with its model after each step."""
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
                members = {"unknown": [], "present": [keys.REGISTRY_MARK, tenant], "removed": [keys.REGISTRY_MARK]}
                if members[registered]:
                    await redis.sadd(keys.TENANTS, *members[registered])
            case Append() if registered == "removed":
                with pytest.raises(TenantRemoved, match=tenant):
                    await windows.append(scope, step.messages, loaded=step.loaded)
            case Append():
                await _append(windows, model, scope, step)
        assert cast("list[bytes]", await redis.lrange(key, 0, -1)) == model.bodies
        _check(model)


async def _append(windows: Windows, model: WindowModel, scope: Scope, step: Append) -> None:
    """Append as the effect of the group does: only an absent window asks for the stored turns."""
    present = model.held is not None
    if not step.raced:
        assert (await windows.append(scope, step.messages) is not None) is present
    if step.raced or not present:
        assert await windows.append(scope, step.messages, loaded=step.loaded)
        model.append([*step.loaded, *step.messages])
    else:
        model.append(step.messages)


def _check(model: WindowModel) -> None:
    """Check the order and the uniqueness of the model itself. Otherwise model and script might share a mistake."""
    held = [(order, event) for order, event, _ in model.held or [] if order]
    assert held == sorted(held)
    assert len(held) == len({order for order, _ in held}) == len({event for _, event in held})
