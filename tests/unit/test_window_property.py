"""The script of the window against its model in plain Python (`eunoe_tests.window_model`), on a Redis in memory."""

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import example, given
from hypothesis import strategies as st

from eunoe_consumers.window.window import Windows
from eunoe_schema.recall import WindowMessage
from eunoe_tests.events import scope_of
from eunoe_tests.properties import examples
from eunoe_tests.window_model import Append, Foreign, Resize, Step, histories, message_of, newest, play, streams

SCOPE = scope_of(UUID("b0000000-0000-4000-8000-000000000001"))


@asynccontextmanager
async def memory() -> AsyncGenerator[FakeAsyncRedis]:
    """A new Redis for each example."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        yield redis


def _appended(*messages: WindowMessage) -> Append:
    return Append(messages, loaded=(), raced=False)


# Rare cases: a late message behind an element without an id; an event with three entries; an event with one entry older
# than a full window and another one within it.
_LATE = [Resize(3), _appended(message_of(2)), Foreign("{}"), _appended(message_of(1)), _appended(message_of(3))]
_THRICE = [Resize(2), *(_appended(message_of(ms, event_id=event)) for ms, event in enumerate("aabca"))]
_TOO_OLD = [Resize(1), _appended(message_of(5)), _appended(message_of(1, event_id="a"), message_of(9, event_id="a"))]


@examples(400)
@given(history=histories())
@example(history=_LATE)
@example(history=_THRICE)
@example(history=_TOO_OLD)
async def test_a_window_always_equals_its_model(history: Sequence[Step]) -> None:
    """The list equals the model after repetition, disorder, loss, a new size, another writer or a removed tenant."""
    async with memory() as redis:
        await play(redis, SCOPE, history)


@examples(200)
@given(stream=streams(repeats_events=False), size=st.integers(1, 8), chance=st.randoms())
async def test_order_repetition_and_division_change_nothing(
    stream: list[WindowMessage], size: int, chance: random.Random
) -> None:
    """The window holds the last messages in stream order, however the stream is delivered."""
    delivered = [*stream, *chance.choices(stream, k=5)]
    chance.shuffle(delivered)
    async with memory() as redis:
        windows = Windows(redis, size=size)
        while delivered:
            batch, delivered = delivered[: (count := chance.randint(1, 7))], delivered[count:]
            assert await windows.append(SCOPE, batch, loaded=[])
        assert await windows.read(SCOPE) == newest(stream, size)


@examples(10)
@given(
    messages=st.integers(501, 1_200), rows=st.integers(0, 600), size=st.sampled_from([1, 20, 700]), seed=st.integers(0)
)
async def test_a_backlog_of_any_length_is_one_batch(messages: int, rows: int, size: int, seed: int) -> None:
    """A backlog larger than one call of the script loses and doubles nothing, including the loaded turns."""
    backlog = [message_of(number // 300, number % 300) for number in range(messages)]
    loaded, batch = backlog[:rows], list(backlog)
    random.Random(seed).shuffle(batch)  # noqa: S311 - no secret
    async with memory() as redis:
        windows = Windows(redis, size=size)
        assert await windows.append(SCOPE, batch, loaded=loaded)
        assert await windows.read(SCOPE) == newest(backlog, size)
