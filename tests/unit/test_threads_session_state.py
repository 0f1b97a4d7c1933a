"""Session state, on a Redis in memory."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers.threads import SessionStates, StateConflict, ThreadState, UnreadableRecord
from eunoe_schema import InvalidEvent, keys
from eunoe_schema.threads import OBJECT_BYTES

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
KEY = keys.session(TENANT, "t")


@pytest.fixture
async def redis() -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        yield redis


@pytest.fixture
def sessions(redis: FakeAsyncRedis) -> SessionStates:
    """The accessor."""
    return ThreadState(redis, place="test").sessions


def nested(levels: int) -> dict[str, Any]:
    """Return an object so many levels deep."""
    state: dict[str, Any] = {}
    for _ in range(levels - 1):
        state = {"a": state}
    return state


async def test_a_state_is_loaded_unchanged(sessions: SessionStates) -> None:
    """Empty lists, big integers, floats and any text survive."""
    state: dict[str, Any] = {
        "a": [],
        "b": {},
        "c": 2**70,
        "d": 1.0,
        "e": 'é"\\\x00\U0001f600',
        "version": 7,
        "f": [None],
    }
    version = await sessions.save(TENANT, "t", state, 0)
    loaded = await sessions.load(TENANT, "t")
    assert loaded == (state, version)
    assert isinstance(loaded.state["d"], float)


async def test_a_thread_without_state_is_at_version_0(sessions: SessionStates) -> None:
    """An empty state is returned, and version 0 can be saved over."""
    await sessions.save(OTHER_TENANT, "t", {"a": 1}, 0)
    assert await sessions.load(TENANT, "t") == ({}, 0)
    assert await sessions.load(OTHER_TENANT, "u") == ({}, 0)


async def test_the_second_change_of_a_version_conflicts(sessions: SessionStates) -> None:
    """The conflict contains the stored version, and the first change stays."""
    loaded = await sessions.save(TENANT, "t", {"step": 1}, 0)
    saved = await sessions.save(TENANT, "t", {"step": 2}, loaded)
    with pytest.raises(StateConflict, match="load it again") as caught:
        await sessions.save(TENANT, "t", {"step": 3}, loaded)
    assert (caught.value.expected_version, caught.value.current_version) == (loaded, saved)
    assert await sessions.load(TENANT, "t") == ({"step": 2}, saved)
    with pytest.raises(StateConflict):
        await sessions.save(TENANT, "t", {"step": 3}, 0)


async def test_a_deleted_state_conflicts_with_an_old_copy(sessions: SessionStates) -> None:
    """No version is used twice, also not after a deletion."""
    old = await sessions.save(TENANT, "t", {"step": 1}, 0)
    assert await sessions.delete(TENANT, "t")
    assert not await sessions.delete(TENANT, "t")
    with pytest.raises(StateConflict) as caught:
        await sessions.save(TENANT, "t", {"step": 2}, old)
    assert caught.value.current_version == 0
    new = await sessions.save(TENANT, "t", {}, 0)
    assert new > old
    with pytest.raises(StateConflict):
        await sessions.save(TENANT, "t", {"step": 2}, old)


async def test_versions_increase_while_the_clock_stands_still(
    sessions: SessionStates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each save has its own version."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    first = await sessions.save(TENANT, "t", {}, 0)
    second = await sessions.save(TENANT, "t", {}, first)
    monkeypatch.setattr("time.time", lambda: 1_600_000_000.0)
    third = await sessions.save(TENANT, "t", {}, second)
    assert first < second < third


async def test_a_state_expires_only_with_an_expiry(sessions: SessionStates, redis: FakeAsyncRedis) -> None:
    """Each save sets the expiry anew, and a save without one removes it."""
    version = await sessions.save(TENANT, "t", {}, 0)
    assert await redis.pttl(KEY) == -1
    version = await sessions.save(TENANT, "t", {}, version, expires_after_seconds=100)
    assert 0 < await redis.pttl(KEY) <= 100_000
    await sessions.save(TENANT, "t", {}, version)
    assert await redis.pttl(KEY) == -1


async def test_any_program_can_read_the_record(sessions: SessionStates, redis: FakeAsyncRedis) -> None:
    """GET and a JSON parser are enough."""
    version = await sessions.save(TENANT, "t", {"a": [1]}, 0)
    record = json.loads(await redis.get(KEY) or "null")
    assert (record["version"], record["state"]) == (version, {"a": [1]})


@pytest.mark.parametrize(
    "state",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": "\ud800"},
        {"a": object()},
        {1: "a"},
        nested(5_000),
        {"a": "x" * OBJECT_BYTES},
    ],
    ids=["nan", "infinity", "surrogate", "object", "key", "deep", "large"],
)
async def test_a_state_that_json_cannot_restore_is_refused(
    sessions: SessionStates, redis: FakeAsyncRedis, state: dict[str, Any]
) -> None:
    """A state that JSON cannot hold, or that is too large, is refused when it is saved, not when it is read."""
    with pytest.raises(InvalidEvent, match="state"):
        await sessions.save(TENANT, "t", state, 0)
    assert await redis.keys() == []


async def test_every_accepted_depth_can_be_loaded(sessions: SessionStates) -> None:
    """The limit of saving is not beyond the limit of loading."""
    taken = 0
    for levels in range(190, 210):
        try:
            await sessions.save(TENANT, f"t{levels}", nested(levels), 0)
        except InvalidEvent:
            continue
        taken += 1
        assert (await sessions.load(TENANT, f"t{levels}")).state == nested(levels)
    assert 0 < taken < 20


@pytest.mark.parametrize("value", ["true", "[]", '{"state":{}}', "\x00"])
async def test_a_foreign_value_is_neither_read_nor_overwritten(
    sessions: SessionStates, redis: FakeAsyncRedis, value: str
) -> None:
    """A key that holds something else is named in the error, and stays as it is."""
    await redis.set(KEY, value)
    with pytest.raises(UnreadableRecord, match=KEY):
        await sessions.load(TENANT, "t")
    with pytest.raises(UnreadableRecord, match=KEY):
        await sessions.save(TENANT, "t", {}, 0)
    assert await redis.get(KEY) == value.encode()
