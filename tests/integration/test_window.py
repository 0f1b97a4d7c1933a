"""The sliding window on a real Valkey: any order and any repetition of messages gives the same list."""

import json
import random
from collections.abc import Iterator, Sequence
from typing import cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import WrongKeyType
from eunoe_consumers.settings import Settings
from eunoe_consumers.window.window import Windows
from eunoe_schema import keys
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope
from eunoe_tests.events import scope_of
from eunoe_tests.properties import examples

TENANT = UUID("10000000-0000-4000-8000-000000000001")


@pytest.fixture
def scope() -> Scope:
    """A scope."""
    return scope_of(TENANT)


def message_of(milliseconds: int, sequence: int = 0, *, event_id: str | None = None) -> WindowMessage:
    """Return the message of an entry."""
    entry_id = f"{1_700_000_000_000 + milliseconds}-{sequence}"
    event_id = event_id or f"e{milliseconds}-{sequence}"
    role = "user" if milliseconds % 2 else "assistant"
    return WindowMessage(role=role, content=f"at {milliseconds}-{sequence}", id=entry_id, event_id=event_id)


def messages_of(*milliseconds: int) -> list[WindowMessage]:
    """Return the messages of entries."""
    return [message_of(ms) for ms in milliseconds]


async def elements(redis: Redis, scope: Scope) -> list[dict[str, object]]:
    """Return a window as any reader sees it: LRANGE and JSON."""
    return [json.loads(body) for body in cast("list[bytes]", await redis.lrange(keys.window(scope), 0, -1))]


async def test_messages_are_read_oldest_first(redis: Redis, scope: Scope) -> None:
    """A reader gets the whole window. An absent window is empty."""
    windows = Windows(redis, size=20)
    assert await windows.read(scope) == []
    assert await windows.append(scope, messages_of(1, 2), loaded=[])
    assert await windows.append(scope, messages_of(3))
    assert await windows.read(scope) == messages_of(1, 2, 3)


async def test_a_window_holds_twenty_messages_and_never_expires(redis: Redis, scope: Scope) -> None:
    """Twenty is the default size. The oldest messages fall out."""
    windows = Windows(redis, size=Settings.model_fields["window_messages"].default)
    assert await windows.append(scope, messages_of(*range(1, 16)), loaded=[])
    assert await windows.append(scope, messages_of(*range(16, 26)))
    assert await windows.read(scope) == messages_of(*range(6, 26))
    assert await redis.llen(keys.window(scope)) == 20
    assert await redis.ttl(keys.window(scope)) == -1


async def test_the_list_can_be_read_without_eunoe(redis: Redis) -> None:
    """Row K1: the documented key, and a list of JSON objects with role and content."""
    scope = scope_of(TENANT, "@ada:example.org")
    assert await Windows(redis, size=20).append(scope, messages_of(1, 2), loaded=[])
    key = f"{TENANT}:memory:short:{scope.agent_id}:@ada:example.org"
    assert await redis.keys() == [key.encode()]
    found = [json.loads(body) for body in cast("list[bytes]", await redis.lrange(key, 0, -1))]
    assert [(element["role"], element["content"]) for element in found] == [("user", "at 1-0"), ("assistant", "at 2-0")]


async def test_an_absent_window_asks_for_the_last_turns(redis: Redis, scope: Scope) -> None:
    """Nothing is written until they are loaded: one message must not look like the whole conversation."""
    windows = Windows(redis, size=3)
    assert not await windows.append(scope, messages_of(9))
    assert await redis.keys() == []
    assert await windows.append(scope, messages_of(9), loaded=messages_of(1, 2, 3, 9))
    assert await windows.read(scope) == messages_of(2, 3, 9)
    assert await windows.append(scope, messages_of(10))


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[list[WindowMessage]]]:
    """Draw a size, and batches that together hold every message of a conversation at least once, in any order."""
    places = draw(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 12)), min_size=1, max_size=14, unique=True))
    repeated = draw(st.lists(st.sampled_from(places), max_size=10))
    order = draw(st.permutations(places + repeated))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=5)))
    messages = [message_of(*place) for place in order]
    batches = [messages[start:end] for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    return draw(st.integers(1, 6)), [batch for batch in batches if batch]


def model_of(size: int, batches: Sequence[Sequence[WindowMessage]], foreign: int = 0) -> list[str]:
    """Return the contents that a window must hold: each message once, in stream order, the last ones."""
    ids = {message.id or "" for batch in batches for message in batch}
    ordered = sorted(ids, key=lambda entry_id: tuple(map(int, entry_id.split("-"))))
    return ([""] * foreign + ordered)[-size:]


# All examples of a test share one Redis. Each has its own scope.
any_history = examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_history
@given(history=histories())
async def test_any_delivery_gives_the_same_window(redis: Redis, history: tuple[int, list[list[WindowMessage]]]) -> None:
    """Batches may be split, shuffled and repeated. The window holds the last messages in stream order."""
    size, batches = history
    windows, scope = Windows(redis, size=size), scope_of(TENANT, str(uuid4()))
    for batch in batches:
        assert await windows.append(scope, batch, loaded=[])
    assert [message.id for message in await windows.read(scope)] == model_of(size, batches)


@any_history
@given(history=histories(), foreign=st.integers(1, 3))
async def test_elements_of_another_writer_come_first(
    redis: Redis, history: tuple[int, list[list[WindowMessage]]], foreign: int
) -> None:
    """Elements with role and content alone count as older than every entry, and keep their order."""
    size, batches = history
    windows, scope = Windows(redis, size=size + foreign), scope_of(TENANT, str(uuid4()))
    legacy = [{"role": "user", "content": f"legacy {number}"} for number in range(foreign)]
    await redis.rpush(keys.window(scope), *map(json.dumps, legacy))
    for batch in batches:
        assert await windows.append(scope, batch)
    found = await windows.read(scope)
    assert [message.id or "" for message in found] == model_of(size + foreign, batches, foreign)
    assert [message.content for message in found if message.id is None] == [
        str(element["content"]) for element in legacy
    ][foreign - sum(message.id is None for message in found) :]


def splits(messages: Sequence[WindowMessage]) -> Iterator[list[list[WindowMessage]]]:
    """Yield messages as one batch, and one by one."""
    yield [list(messages)]
    yield [[message] for message in messages]


async def test_an_event_with_two_entries_appears_once(redis: Redis) -> None:
    """The second entry is ignored while the first is in the window, in one batch or in two."""
    first, again, next_one = message_of(1, event_id="e"), message_of(5, event_id="e"), message_of(7)
    for number, batches in enumerate(splits([first, again, next_one, again])):
        windows, scope = Windows(redis, size=3), scope_of(TENANT, f"user-{number}")
        for batch in batches:
            assert await windows.append(scope, batch, loaded=[])
        assert await windows.read(scope) == [first, next_one]


async def test_a_message_that_fell_out_does_not_come_back(redis: Redis, scope: Scope) -> None:
    """An entry older than the first of a full window is ignored. One that lies within is put in its place."""
    windows = Windows(redis, size=3)
    assert await windows.append(scope, messages_of(10, 20, 30), loaded=[])
    assert await windows.append(scope, messages_of(5))
    assert await windows.read(scope) == messages_of(10, 20, 30)
    assert await windows.append(scope, messages_of(5, 25, 10))
    assert await windows.read(scope) == messages_of(20, 25, 30)


async def test_sequence_numbers_are_ordered_as_numbers(redis: Redis, scope: Scope) -> None:
    """Within a millisecond, entry 10 comes after entry 9."""
    windows = Windows(redis, size=20)
    assert await windows.append(scope, [message_of(1, sequence) for sequence in (10, 9, 100, 0)], loaded=[])
    assert await windows.read(scope) == [message_of(1, sequence) for sequence in (0, 9, 10, 100)]


@pytest.mark.parametrize("foreign", ["not JSON", "[]", "7", "null", '{"id": 5}', '{"role": "system"}', ""])
async def test_foreign_elements_are_skipped(redis: Redis, scope: Scope, foreign: str) -> None:
    """They are not read, and do not disturb appending, even of late entries."""
    windows = Windows(redis, size=5)
    await redis.rpush(keys.window(scope), foreign)
    assert await windows.append(scope, messages_of(2))
    assert await windows.append(scope, messages_of(1, 3))
    assert await windows.read(scope) == messages_of(1, 2, 3)


async def test_a_smaller_size_takes_effect_with_the_next_message(redis: Redis, scope: Scope) -> None:
    """After the setting was lowered, a window shrinks to its last messages."""
    assert await Windows(redis, size=20).append(scope, messages_of(*range(1, 16)), loaded=[])
    windows = Windows(redis, size=4)
    assert [message.content for message in await windows.read(scope)] == [f"at {n}-0" for n in range(12, 16)]
    assert await windows.append(scope, messages_of(16))


async def test_a_key_of_another_type_is_refused(redis: Redis, scope: Scope) -> None:
    """It is never overwritten. The error is permanent, because no retry would help."""
    await redis.set(keys.window(scope), "mine")
    windows = Windows(redis, size=20)
    with pytest.raises(WrongKeyType, match="WRONGTYPE"):
        await windows.append(scope, messages_of(1))
    with pytest.raises(WrongKeyType, match="WRONGTYPE"):
        await windows.append(scope, messages_of(1), loaded=[])
    with pytest.raises(WrongKeyType, match="WRONGTYPE"):
        await windows.read(scope)
    assert await redis.get(keys.window(scope)) == b"mine"


@pytest.mark.parametrize("shuffled", [False, True])
async def test_thousands_of_messages_are_appended_at_once(redis: Redis, scope: Scope, shuffled: bool) -> None:  # noqa: FBT001
    """A backlog of one scope fits into the largest window that can be configured."""
    windows = Windows(redis, size=1_000)
    backlog = messages_of(*range(6_000))
    if shuffled:
        random.Random(1).shuffle(backlog)  # noqa: S311 - no secret
    assert await windows.append(scope, backlog, loaded=messages_of(*range(500)))
    assert await windows.read(scope) == messages_of(*range(5_000, 6_000))
    assert len(await elements(redis, scope)) == 1_000
