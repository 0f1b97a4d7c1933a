"""The model of the window against a real Valkey, whose scripts and lists may differ from fakeredis."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from redis.asyncio import Redis

from eunoe_consumers.window.window import Windows
from eunoe_schema import keys
from eunoe_schema.recall import WindowMessage
from eunoe_tests.events import scope_of
from eunoe_tests.properties import examples
from eunoe_tests.window_model import Step, histories, newest, play, streams

SCOPE = scope_of(UUID("10000000-0000-4000-8000-000000000001"))
# All examples of a test share one Valkey. Each begins by deleting its keys.
_examples = examples(80, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_examples
@given(history=histories())
async def test_a_window_always_equals_its_model(redis: Redis, history: Sequence[Step]) -> None:
    """After repetition, disorder, loss, another size, another writer or a removed tenant."""
    await play(redis, SCOPE, history)


@_examples
@given(stream=streams(repeats_events=False), size=st.integers(1, 8), writers=st.integers(2, 5))
async def test_concurrent_writers_make_one_window(
    redis: Redis, stream: list[WindowMessage], size: int, writers: int
) -> None:
    """Consumers append parts of a stream at the same time, some of it twice. The last messages are in order."""
    await redis.delete(keys.window(SCOPE))
    parts = [stream[start::writers] for start in range(writers)]
    windows = [Windows(redis, size=size) for _ in range(writers + 1)]
    batches = [batch for batch in (*parts, stream) if batch]
    await asyncio.gather(*(held.append(SCOPE, batch, loaded=[]) for held, batch in zip(windows, batches, strict=False)))
    assert await windows[0].read(SCOPE) == newest(stream, size)
