"""Behaviour that all thread accessors share: bad input, foreign values, and answers lost in an outage."""

from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from eunoe_producers import PublishLimits, RedisUnavailable
from eunoe_producers.errors import RedisRefused
from eunoe_producers.threads import (
    Answered,
    Resolved,
    ThreadError,
    ThreadOptions,
    ThreadState,
    ToolCall,
    UnreadableRecord,
)
from eunoe_schema import EunoeError, InvalidEvent, keys
from eunoe_tests.events import scope_of

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
ADA = scope_of(TENANT)
CALL = ToolCall(id="c1", name="refund")
LIMITED = ThreadOptions(limits=PublishLimits(rate_per_second=1, rate_burst=10))

Act = Callable[[ThreadState, str], Awaitable[object]]
# Every operation with an id of a channel, and the argument with that id.
ACTS: dict[str, tuple[str, Act]] = {
    "acquire": ("channel", lambda threads, part: threads.rate_limiter.acquire(TENANT, part)),
    "first_time": ("event_id", lambda threads, part: threads.once.first_time(ADA, part)),
    "first_time for": ("purpose", lambda threads, part: threads.once.first_time(ADA, "e1", purpose=part)),
    "release": ("event_id", lambda threads, part: threads.once.release(ADA, part)),
    "published_as": ("event_id", lambda threads, part: threads.once.published_as(ADA, part)),
    "load": ("thread_id", lambda threads, part: threads.sessions.load(TENANT, part)),
    "save": ("thread_id", lambda threads, part: threads.sessions.save(TENANT, part, {}, 0)),
    "delete": ("thread_id", lambda threads, part: threads.sessions.delete(TENANT, part)),
    "engage": ("thread_id", lambda threads, part: threads.engaged.engage(TENANT, part)),
    "is_engaged": ("thread_id", lambda threads, part: threads.engaged.is_engaged(TENANT, part)),
    "disengage": ("thread_id", lambda threads, part: threads.engaged.disengage(TENANT, part)),
    "escalate": (
        "thread_id",
        lambda threads, part: threads.escalations.escalate(TENANT, part, kind="human", target="x", reason="r"),
    ),
    "status": ("thread_id", lambda threads, part: threads.escalations.status(TENANT, part)),
    "resolve": ("thread_id", lambda threads, part: threads.escalations.resolve(TENANT, part)),
    "ask": ("thread_id", lambda threads, part: threads.tool_confirmations.ask(TENANT, part, CALL)),
    "pending": ("thread_id", lambda threads, part: threads.tool_confirmations.pending(TENANT, part)),
    "confirm": ("thread_id", lambda threads, part: threads.tool_confirmations.confirm(TENANT, part, "c1")),
    "refuse": ("thread_id", lambda threads, part: threads.tool_confirmations.refuse(TENANT, part, "c1")),
    "withdraw": ("thread_id", lambda threads, part: threads.tool_confirmations.withdraw(TENANT, part, "c1")),
}
RECORD_ACTS = ["status", "resolve", "ask", "pending", "confirm", "refuse", "withdraw"]


class ForgetfulRedis(FakeAsyncRedis):
    """A Redis in memory that executes a write and then loses the answer, once."""

    lost: int = 0
    losing: bool = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command; the connection breaks before the answer to a write arrives."""
        result = cast("object", await super().execute_command(*args, **options))
        if self.losing and args[0] in {"EVALSHA", "SET"}:
            self.losing, self.lost = False, self.lost + 1
            raise RedisConnectionError("lost")
        return result


@pytest.fixture
def redis() -> ForgetfulRedis:
    """A Redis in memory."""
    return ForgetfulRedis(server=FakeServer())


@pytest.fixture
def threads(redis: ForgetfulRedis) -> ThreadState:
    """The accessors."""
    return ThreadState(redis, place="test", options=LIMITED)


@pytest.mark.parametrize("part", ["", "a\x00b", "x" * 257, "\ud800"], ids=["empty", "nul", "long", "surrogate"])
@pytest.mark.parametrize(("argument", "act"), ACTS.values(), ids=ACTS)
async def test_bad_ids_are_refused(
    threads: ThreadState, redis: ForgetfulRedis, argument: str, act: Act, part: str
) -> None:
    """The error names the argument, and no key is touched."""
    with pytest.raises(InvalidEvent, match=f"^{argument}: "):
        await act(threads, part)
    assert await redis.keys() == []


@pytest.mark.parametrize("tenant", ["acme", "", None])
async def test_a_tenant_must_be_a_uuid(threads: ThreadState, tenant: Any) -> None:
    """This is checked at run time, too."""
    with pytest.raises(InvalidEvent, match="tenant_id"):
        await threads.engaged.engage(tenant, "t")


async def test_a_tenant_given_as_text_is_the_same_tenant(threads: ThreadState) -> None:
    """Upper and lower case make no difference."""
    shouted: Any = str(TENANT).upper()
    await threads.engaged.engage(shouted, "t")
    assert await threads.engaged.is_engaged(TENANT, "t")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e12])
async def test_impossible_expiries_are_refused(threads: ThreadState, redis: ForgetfulRedis, seconds: float) -> None:
    """An expiry must be positive and at most ten years."""
    for act in (
        threads.once.first_time(ADA, "e1", seconds=seconds),
        threads.sessions.save(TENANT, "t", {}, 0, expires_after_seconds=seconds),
        threads.engaged.engage(TENANT, "t", expires_after_seconds=seconds),
        threads.tool_confirmations.ask(TENANT, "t", CALL, expires_after_seconds=seconds),
    ):
        with pytest.raises(InvalidEvent, match="seconds"):
            await act
    with pytest.raises(InvalidEvent, match="settled_seconds"):
        ThreadState(redis, place="test", options=ThreadOptions(settled_seconds=seconds))
    assert await redis.keys() == []


async def test_thread_ids_with_colons_and_percent_signs_do_not_collide(threads: ThreadState) -> None:
    """Ids of Matrix, Teams and WhatsApp are accepted unchanged."""
    ids = ["!a:b", "!a%3Ab", "19:x@thread.v2", "x" * 256]
    for thread_id in ids[:2]:
        await threads.engaged.engage(TENANT, thread_id)
    assert [await threads.engaged.is_engaged(TENANT, thread_id) for thread_id in ids] == [True, True, False, False]


async def test_every_accessor_uses_the_documented_key(threads: ThreadState, redis: ForgetfulRedis) -> None:
    """No accessor touches another key."""
    for name in ("acquire", "save", "engage", "escalate", "ask"):
        await ACTS[name][1](threads, "t")
    made = (keys.rate_limit, keys.session, keys.engaged, keys.escalation, keys.tool_confirm)
    assert {key.decode() for key in cast("list[bytes]", await redis.keys())} == {key(TENANT, "t") for key in made}


@pytest.mark.parametrize("act", ["load", "save", *RECORD_ACTS])
async def test_a_key_of_another_type_is_named(threads: ThreadState, redis: ForgetfulRedis, act: str) -> None:
    """A key with the wrong type gives an error of Eunoe that names the key."""
    made = (keys.session(TENANT, "t"), keys.escalation(TENANT, "t"), keys.tool_confirm(TENANT, "t"))
    for key in made:
        await redis.rpush(key, "x")
    with pytest.raises(UnreadableRecord, match=f"{TENANT}:(session|escalation|tool_confirm):t"):
        await ACTS[act][1](threads, "t")
    assert [await redis.lrange(key, 0, -1) for key in made] == [[b"x"]] * 3


@pytest.mark.parametrize("act", RECORD_ACTS)
async def test_a_foreign_value_is_reported_and_kept(threads: ThreadState, redis: ForgetfulRedis, act: str) -> None:
    """A value that Eunoe did not write is neither ignored nor overwritten."""
    made = (keys.escalation(TENANT, "t"), keys.tool_confirm(TENANT, "t"))
    for key in made:
        await redis.set(key, '{"kind":"human"}')
    with pytest.raises(UnreadableRecord, match="delete the key") as caught:
        await ACTS[act][1](threads, "t")
    assert isinstance(caught.value, ThreadError)
    assert [await redis.get(key) for key in made] == [b'{"kind":"human"}'] * 2


async def test_a_repeated_write_recognises_its_own_result(threads: ThreadState, redis: ForgetfulRedis) -> None:
    """When an outage hides an answer, the repeated call still succeeds."""
    # Load each script first. Otherwise the lost answer would be NOSCRIPT instead of the answer to the write.
    await threads.sessions.save(TENANT, "other", {}, 0)
    await threads.tool_confirmations.ask(TENANT, "other", CALL)
    redis.losing = True
    assert await threads.once.first_time(ADA, "e1")
    redis.losing = True
    version = await threads.sessions.save(TENANT, "t", {"a": 1}, 0)
    assert await threads.sessions.load(TENANT, "t") == ({"a": 1}, version)
    redis.losing = True
    asked = await threads.tool_confirmations.ask(TENANT, "t", CALL)
    assert asked.answer is None
    redis.losing = True
    assert isinstance(await threads.tool_confirmations.confirm(TENANT, "t", "c1"), Answered)
    redis.losing = True
    await threads.escalations.escalate(TENANT, "t", kind="human", target="x", reason="r")
    redis.losing = True
    assert isinstance(await threads.escalations.resolve(TENANT, "t"), Resolved)
    redis.losing = True
    assert await threads.tool_confirmations.withdraw(TENANT, "other", "c1")
    assert redis.lost == 7


async def test_a_refused_command_raises_redis_refused(
    threads: ThreadState, redis: ForgetfulRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that Redis refuses is not repeated."""

    async def full(*_args: object, **_options: object) -> None:
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'")

    monkeypatch.setattr(redis, "execute_command", full)
    for _, act in ACTS.values():
        with pytest.raises(RedisRefused, match="maxmemory"):
            await act(threads, "t")


async def test_a_long_outage_raises_redis_unavailable() -> None:
    """Every accessor raises the same error, which names the server."""
    server = FakeServer()
    server.connected = False
    redis = FakeAsyncRedis(server=server)
    threads = ThreadState(redis, place="redis://nowhere", options=ThreadOptions(limits=LIMITED.limits, retry_seconds=0))
    for _, act in ACTS.values():
        with pytest.raises(RedisUnavailable, match="redis://nowhere"):
            await act(threads, "t")


@pytest.mark.parametrize("url", ["postgresql://localhost", "nonsense"])
async def test_an_invalid_url_is_refused(url: str) -> None:
    """The error comes before any connection."""
    with pytest.raises(EunoeError, match="redis://HOST:PORT/DATABASE"):
        await ThreadState.connect(url)
