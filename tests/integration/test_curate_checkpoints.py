"""Checkpoints through the public client."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from pydantic import JsonValue

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, NotFound, RequestReused
from eunoe_schema.errors import InvalidEvent
from eunoe_tests.curation import curating, memory_scope


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def test_the_latest_checkpoint_comes_back_unchanged(curator: Curator, tenant: UUID) -> None:
    """Every JSON value survives, the first checkpoint opens its session, and an earlier one can be loaded by its id."""
    scope = memory_scope(tenant, "new user")
    assert await curator.checkpoints.load(scope, "s") is None
    state: dict[str, JsonValue] = {
        "step": 3,
        "plan": ["a", None, {"ü\U0001f642": 1.5}],
        "none": None,
        "yes": True,
        "": "",
    }
    first = await curator.checkpoints.save(scope, "s", {"step": 1})
    second = await curator.checkpoints.save(scope, "s", state, name="plan")
    loaded = await curator.checkpoints.load(scope, "s")
    assert loaded is not None
    assert (loaded.state, loaded.name, loaded.id, loaded.session_id) == (state, "plan", second.id, "s")
    assert (loaded.state_bytes, loaded.created_at) == (second.state_bytes, second.created_at)
    earlier = await curator.checkpoints.load(scope, "s", first.id)
    assert earlier is not None
    assert earlier.state == {"step": 1}
    assert (await curator.sessions.get(scope, "s")).is_open
    with pytest.raises(NotFound, match=r"there is no checkpoint .* of session 's' that applies to this scope"):
        await curator.checkpoints.load(scope, "s", uuid4())
    with pytest.raises(NotFound):
        await curator.checkpoints.load(scope, "another session", first.id)


async def test_each_checkpoint_is_the_latest_until_the_next(curator: Curator, tenant: UUID) -> None:
    """The checkpoint saved last is loaded, whatever the order of the ids."""
    scope = memory_scope(tenant)
    for step in range(8):
        await curator.checkpoints.save(scope, "s", {"step": step})
        latest = await curator.checkpoints.load(scope, "s")
        assert latest is not None
        assert latest.state == {"step": step}


async def test_a_checkpoint_is_saved_once(curator: Curator, tenant: UUID) -> None:
    """A repeated request saves nothing; the same request id with another state is refused."""
    scope = memory_scope(tenant)
    saved = await curator.checkpoints.save(scope, "s", {"a": 1}, request_id="r1")
    await curator.checkpoints.save(scope, "s", {"a": 2})
    assert await curator.checkpoints.save(scope, "s", {"a": 1}, request_id="r1") == saved
    latest = await curator.checkpoints.load(scope, "s")
    assert latest is not None
    assert latest.state == {"a": 2}
    assert len((await curator.checkpoints.list(scope, "s")).checkpoints) == 2
    with pytest.raises(RequestReused):
        await curator.checkpoints.save(scope, "s", {"a": 3}, request_id="r1")


async def test_checkpoints_are_listed_by_session_and_name(curator: Curator, tenant: UUID) -> None:
    """The latest first, page by page, for one session and one name."""
    scope = memory_scope(tenant)
    saved = [await curator.checkpoints.save(scope, "s", {"n": n}, name=f"name {n % 2}") for n in range(4)]
    await curator.checkpoints.save(scope, "other", {})
    latest_first = [checkpoint.id for checkpoint in reversed(saved)]
    page = await curator.checkpoints.list(scope, "s", limit=3)
    assert [checkpoint.id for checkpoint in page.checkpoints] == latest_first[:3]
    rest = await curator.checkpoints.list(scope, "s", limit=3, cursor=page.cursor)
    assert ([checkpoint.id for checkpoint in rest.checkpoints], rest.cursor) == (latest_first[3:], None)
    named = await curator.checkpoints.list(scope, "s", name="name 0")
    assert [checkpoint.id for checkpoint in named.checkpoints] == latest_first[1::2]
    latest = await curator.checkpoints.load(scope, "s", name="name 0")
    assert latest is not None
    assert latest.state == {"n": 2}


async def test_a_state_may_have_256_kib(curator: Curator, tenant: UUID) -> None:
    """256 KiB of JSON survive; a larger state, or one that jsonb cannot hold, is refused by the client."""
    scope = memory_scope(tenant)
    largest = {"a": "x" * (256 * 1024 - len('{"a": ""}'))}
    await curator.checkpoints.save(scope, "s", largest)
    loaded = await curator.checkpoints.load(scope, "s")
    assert loaded is not None
    assert (loaded.state, loaded.state_bytes) == (largest, 256 * 1024)
    with pytest.raises(InvalidEvent, match="262145 bytes of JSON; at most 262144"):
        await curator.checkpoints.save(scope, "s", {"a": largest["a"] + "x"})
    for wrong in ({"a": "\x00"}, {"a": float("nan")}):
        with pytest.raises(InvalidEvent):
            await curator.checkpoints.save(scope, "s", wrong)
