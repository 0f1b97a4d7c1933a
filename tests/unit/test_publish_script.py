"""Publishing: the real script on a Redis in memory, whose clock stands still until a test moves it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis

from eunoe_producers import (
    BacklogFull,
    Gateway,
    GatewayOptions,
    PublishLimits,
    RateLimited,
    TenantRegistryMissing,
    UnknownTenant,
)
from eunoe_schema import InvalidEvent, MessageEvent, Receipt, keys
from eunoe_schema.codec import decode
from eunoe_schema.entries import EntryOrder
from eunoe_tests.events import OTHER_AGENT, event_of, scope_of

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
STRANGER = UUID("b0000000-0000-4000-8000-000000000003")
ADA = scope_of(TENANT)
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
STREAM = "eunoe:messages"


class Clock:
    """The clock of Redis."""

    def __init__(self) -> None:
        self.now = NOON.timestamp()

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands at noon."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.fixture
async def memory(clock: Clock) -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory that knows two tenants."""
    assert clock
    async with FakeAsyncRedis() as redis:
        await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT), str(OTHER_TENANT))
        yield redis


Open = Callable[..., Gateway]


@pytest.fixture
def opened(memory: FakeAsyncRedis) -> Open:
    """A gateway with the limits that a test names."""

    def open_gateway(limits: PublishLimits | None = None) -> Gateway:
        return Gateway(memory, place="test", options=GatewayOptions(limits=limits or PublishLimits()))

    return open_gateway


async def entries(redis: FakeAsyncRedis) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return what the stream holds."""
    return cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(STREAM))


async def published(redis: FakeAsyncRedis) -> list[MessageEvent]:
    """Return what the stream holds, each entry decoded."""
    events = [decode(fields, MessageEvent) for _, fields in await entries(redis)]
    return [event for event in events if isinstance(event, MessageEvent)]


async def sessions(gateway: Gateway, redis: FakeAsyncRedis, *events: MessageEvent) -> list[str | None]:
    """Publish events and return the sessions that they are in on the stream."""
    assert all([isinstance(await gateway.publish(event), Receipt) for event in events])
    return [event.session_id for event in await published(redis)][-len(events) :]


async def test_an_event_is_published_unchanged(opened: Open, memory: FakeAsyncRedis) -> None:
    """The field of the entry decodes to the event with its session. The receipt names the entry."""
    event = event_of(
        ADA, "e1", 'naïve "é" \\ \U0001f600\n', thread_id="t", metadata={"a": [None, "}"]}, occurred_at=NOON
    )
    receipt = await opened().publish(event)
    assert receipt == Receipt(entry_id=f"{NOON_MS}-0", event_id="e1", duplicate=False)
    ((entry_id, fields),) = await entries(memory)
    assert (entry_id.decode(), list(fields)) == (receipt.entry_id, [b"__data__"])
    assert decode(fields, MessageEvent) == event.model_copy(update={"session_id": f"t:{NOON_MS}"})


async def test_an_event_is_published_once(opened: Open, memory: FakeAsyncRedis, clock: Clock) -> None:
    """A repeated event gets its first entry id and adds nothing, until `dedup_seconds` are over."""
    gateway = opened(PublishLimits(dedup_seconds=60))
    first = await gateway.publish(event_of(ADA, "e1"))
    clock.now += 59
    again = await gateway.publish(event_of(ADA, "e1", speaker="Ada L.", metadata={"attempt": 2}, occurred_at=NOON))
    assert again == Receipt(entry_id=first.entry_id, event_id="e1", duplicate=True)
    twice = await gateway.publish_many([event_of(ADA, "e2"), event_of(ADA, "e2")])
    assert [isinstance(receipt, Receipt) and receipt.duplicate for receipt in twice] == [False, True]
    assert [event.content for event in await published(memory)] == ["hello", "hello"]
    clock.now += 2
    assert not (await gateway.publish(event_of(ADA, "e1"))).duplicate


@pytest.mark.parametrize(
    "changed",
    [
        {"content": "edited"},
        {"content": "Hello"},
        {"content": "hello "},
        {"content": "hell\u00f6"},
        {"content": "hello hello" * 1_000},
        {"thread_id": "another chat"},
        {"thread_id": None},
        {"channel": "whatsapp"},
        {"role": "assistant"},
        {"content": "\u05e9\u05dc\u05d5\u05dd", "thread_id": "t:2", "channel": None},
    ],
)
async def test_another_message_under_a_known_event_id_is_a_conflict(
    opened: Open, memory: FakeAsyncRedis, changed: dict[str, Any]
) -> None:
    """Nothing is stored, and the receipt says so each time, until the first message comes again."""
    gateway = opened(PublishLimits(rate_per_second=0.001, rate_burst=1))
    event = event_of(ADA, "17", thread_id="t", channel="telegram")
    other = event.model_copy(update=changed)
    first = await gateway.publish(event)
    conflict = first.model_copy(update={"conflict": True})
    assert (await gateway.publish(other), await gateway.publish(other)) == (conflict, conflict)
    outcomes = await gateway.publish_many([event, other])
    assert outcomes == [first.model_copy(update={"duplicate": True}), conflict]
    assert await memory.xlen(STREAM) == 1
    assert b"hello" not in cast("bytes", await memory.get(keys.dedup(ADA, "17")))


async def test_two_messages_with_one_id_in_one_call_are_a_conflict(opened: Open, memory: FakeAsyncRedis) -> None:
    """The first is published. An event of an older client, which left no fingerprint, counts as a duplicate."""
    events = [event_of(ADA, "17", content) for content in "aba"]
    receipts = [found for found in await opened().publish_many(events) if isinstance(found, Receipt)]
    assert [(found.duplicate, found.conflict) for found in receipts] == [(False, False), (False, True), (True, False)]
    await memory.set(keys.dedup(ADA, "old"), "1700000000000-0")
    assert (await opened().publish(event_of(ADA, "old"))).duplicate


async def test_equal_event_ids_of_two_scopes_are_two_events(opened: Open, memory: FakeAsyncRedis) -> None:
    """Channels number messages per chat, so the same event id may occur in another scope."""
    scopes = [ADA, scope_of(TENANT, "bob"), scope_of(TENANT, agent=OTHER_AGENT), scope_of(OTHER_TENANT)]
    gateway = opened()
    assert not any([(await gateway.publish(event_of(scope, "e1"))).duplicate for scope in scopes])
    assert [event.scope for event in await published(memory)] == scopes


async def test_an_unknown_tenant_is_refused(opened: Open, memory: FakeAsyncRedis) -> None:
    """Nothing is stored, and the error says how to register the tenant."""
    before = await memory.keys()
    with pytest.raises(UnknownTenant, match=f"eunoe tenant add NAME --id {STRANGER}") as caught:
        await opened(PublishLimits(rate_per_second=1)).publish(event_of(scope_of(STRANGER), "e1"))
    assert caught.value.tenant_id == STRANGER
    assert await memory.keys() == before


async def test_a_lost_registry_has_an_error_of_its_own(
    opened: Open, memory: FakeAsyncRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Redis lost its data, tenants are not reported as unknown."""
    await memory.flushall()
    monkeypatch.setattr("eunoe_producers.gateway._REGISTRY_WAIT_SECONDS", 0.0)
    with pytest.raises(TenantRegistryMissing, match="start a consumer"):
        await opened().publish(event_of(ADA, "e1"))
    assert await memory.keys() == []


async def test_a_gateway_waits_for_the_registry(
    opened: Open, memory: FakeAsyncRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If consumers fill the registry again in time, publishing succeeds."""
    await memory.flushall()

    async def consumers_fill(_seconds: float) -> None:
        await memory.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT))

    monkeypatch.setattr(asyncio, "sleep", consumers_fill)
    assert not (await opened().publish(event_of(ADA, "e1"))).duplicate


async def test_a_full_backlog_refuses_new_events(opened: Open, memory: FakeAsyncRedis) -> None:
    """Without groups, all entries count. Events that were published before still get their receipt."""
    gateway = opened(PublishLimits(backlog_entries=2))
    first, _, third = await gateway.publish_many([event_of(ADA, f"e{i}") for i in range(3)])
    assert isinstance(third, BacklogFull)
    assert (third.waiting, third.retry_after_seconds) == (2, 1.0)
    assert isinstance(first, Receipt)
    assert (await gateway.publish(event_of(ADA, "e0"))).entry_id == first.entry_id
    with pytest.raises(BacklogFull):
        await gateway.publish(event_of(ADA, "e2"))
    assert await memory.xlen(STREAM) == 2
    assert await opened(PublishLimits(backlog_entries=0)).publish(event_of(ADA, "e2"))


@pytest.mark.parametrize("groups", [("window", "embed"), ("embed", "window")])
async def test_the_backlog_is_that_of_the_slowest_group(
    opened: Open, memory: FakeAsyncRedis, groups: tuple[str, str]
) -> None:
    """Unread and pending entries of one group add up. Acknowledging makes room."""
    gateway = opened(PublishLimits(backlog_entries=4))
    await gateway.publish_many([event_of(ADA, f"e{i}") for i in range(4)])
    for group in groups:
        await memory.xgroup_create(STREAM, group, id="0")
        await memory.xreadgroup(group, "c", {STREAM: ">"}, count=3)
    ids = [entry_id for entry_id, _ in await entries(memory)]
    await memory.xack(STREAM, "window", *ids[:3])
    with pytest.raises(BacklogFull) as caught:  # window: 0 pending, 1 unread; embed: 3 pending, 1 unread
        await gateway.publish(event_of(ADA, "e4"))
    assert caught.value.waiting == 4
    await memory.xack(STREAM, "embed", ids[0])
    assert await gateway.publish(event_of(ADA, "e4"))
    with pytest.raises(BacklogFull):
        await gateway.publish(event_of(ADA, "e5"))


async def test_an_unknown_lag_counts_as_the_whole_stream(opened: Open, memory: FakeAsyncRedis) -> None:
    """After a deletion Redis may not know the lag, so the bound is conservative."""
    gateway = opened(PublishLimits(backlog_entries=4))
    await gateway.publish_many([event_of(ADA, f"e{i}") for i in range(4)])
    await memory.xgroup_create(STREAM, "window", id="0")
    await memory.xreadgroup("window", "c", {STREAM: ">"}, count=2)
    await memory.xdel(STREAM, (await entries(memory))[2][0])
    assert [group["lag"] for group in await memory.xinfo_groups(STREAM)] == [None]
    with pytest.raises(BacklogFull) as caught:
        await gateway.publish(event_of(ADA, "e4"))
    assert caught.value.waiting == 2 + 3


async def test_with_wait_when_full_all_events_are_published_in_order(
    opened: Open, memory: FakeAsyncRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway waits for room and returns no BacklogFull."""
    await memory.xgroup_create(STREAM, "window", id="0", mkstream=True)
    waits: list[float] = []

    async def consume(seconds: float) -> None:
        waits.append(seconds)
        await memory.xreadgroup("window", "c", {STREAM: ">"}, noack=True)

    monkeypatch.setattr(asyncio, "sleep", consume)
    events = [event_of(ADA, f"e{i}") for i in range(7)]
    outcomes = await opened(PublishLimits(backlog_entries=3)).publish_many(events, wait_when_full=True)
    assert [isinstance(outcome, Receipt) and outcome.duplicate for outcome in outcomes] == [False] * 7
    assert [event.event_id for event in await published(memory)] == [f"e{i}" for i in range(7)]
    assert len(waits) == 2


async def test_a_bucket_contains_exactly_its_burst(opened: Open, memory: FakeAsyncRedis, clock: Clock) -> None:
    """After the burst, each refilled token allows one event. Duplicates cost nothing."""
    gateway = opened(PublishLimits(rate_per_second=2, rate_burst=3))
    events = [event_of(ADA, f"e{i}", channel="slack") for i in range(9)]
    outcomes = await gateway.publish_many([events[0], events[0], *events[1:4]])
    assert [type(outcome) for outcome in outcomes] == [Receipt, Receipt, Receipt, Receipt, RateLimited]
    assert isinstance(outcomes[-1], RateLimited)
    assert (outcomes[-1].channel, outcomes[-1].retry_after_seconds) == ("slack", 0.5)
    clock.now += 0.25
    with pytest.raises(RateLimited) as caught:
        await gateway.publish(events[3])
    assert caught.value.retry_after_seconds == 0.25
    clock.now += 0.25
    assert await gateway.publish(events[3])
    clock.now += 2  # enough for four tokens, in a bucket of three
    assert [type(outcome) for outcome in await gateway.publish_many(events[4:])] == [Receipt] * 3 + [RateLimited] * 2
    assert await memory.xlen(STREAM) == 7


async def test_each_tenant_and_channel_has_its_own_bucket(opened: Open) -> None:
    """Events without a channel use the channel `default`."""
    gateway = opened(PublishLimits(rate_per_second=1, rate_burst=1))
    flooded = [event_of(ADA, f"e{i}", channel=channel) for i, channel in enumerate(["a", "a", "b", None, "default"])]
    outcomes = await gateway.publish_many([*flooded, event_of(scope_of(OTHER_TENANT), "e0", channel="a")])
    expected = [Receipt, RateLimited, Receipt, Receipt, RateLimited, Receipt]
    assert [type(outcome) for outcome in outcomes] == expected


async def test_a_long_pause_begins_a_new_session(opened: Open, memory: FakeAsyncRedis) -> None:
    """The pause is measured between the times of writing, from the latest one."""
    moments = [0, 1800, 1790, 3600, 5401, 5500]
    events = [event_of(ADA, f"e{at}", thread_id="t", occurred_at=NOON + timedelta(seconds=at)) for at in moments]
    first, second = f"t:{NOON_MS}", f"t:{NOON_MS + 5401_000}"
    assert await sessions(opened(), memory, *events) == [first] * 4 + [second] * 2


@pytest.mark.parametrize(
    "wrong", ["1970-01-01", "2000-01-01", "2024-03-01T16:00", "2024-03-02", "2099-12-31", "9999-12-30"]
)
async def test_a_wrong_clock_moves_no_session(opened: Open, memory: FakeAsyncRedis, clock: Clock, wrong: str) -> None:
    """Messages around it, with and without a time, stay in their session. Its own messages share one."""
    gateway, mistaken = opened(), datetime.fromisoformat(wrong).replace(tzinfo=UTC)
    made = list[str | None]()
    for number, at in enumerate([NOON, mistaken, None, NOON, None, mistaken + timedelta(seconds=60), None, None]):
        clock.now += 60
        made += await sessions(gateway, memory, event_of(ADA, f"e{number}", thread_id="t", occurred_at=at))
    own = f"t:{int(mistaken.timestamp() * 1000)}"
    assert made == [f"t:{NOON_MS}" if number not in {1, 5} else own for number in range(8)]


async def test_wrong_clocks_without_end_moves_no_session(opened: Open, memory: FakeAsyncRedis) -> None:
    """A clock that jumps for each message leaves the session of the others alone, and the key stays small."""
    gateway, made = opened(), list[str | None]()
    for number in range(40):
        jumped = NOON + timedelta(days=400 * number * (-1) ** number + 1)
        await gateway.publish(event_of(ADA, f"w{number}", thread_id="t", occurred_at=jumped))
        made += await sessions(gateway, memory, event_of(ADA, f"e{number}", thread_id="t", occurred_at=NOON))
    assert set(made) == {f"t:{NOON_MS}"}
    assert await memory.hlen(keys.current_session(ADA, "t")) <= 8


@pytest.mark.parametrize("order", ["forwards", "backwards", "interleaved"])
async def test_history_gets_the_sessions_of_its_times(opened: Open, memory: FakeAsyncRedis, order: str) -> None:
    """Two conversations of years ago or to come, in any order, beside a live one."""
    moments = [NOON + timedelta(days=day, minutes=minute) for day in (-900, 1900) for minute in range(0, 100, 20)]
    if order == "backwards":
        moments.reverse()
    if order == "interleaved":
        moments = [moment for pair in zip(moments[:5], moments[5:], strict=True) for moment in pair]
    gateway = opened()
    events = [event_of(ADA, f"e{at.timestamp()}", thread_id="t", occurred_at=at) for at in moments]
    found = dict(zip(moments, await sessions(gateway, memory, *events), strict=True))
    live = await sessions(gateway, memory, event_of(ADA, "now", thread_id="t"))
    assert len({found[at] for at in moments if at < NOON}) == len({found[at] for at in moments if at > NOON}) == 1
    assert len({*found.values(), *live}) == 3


async def test_without_a_time_the_clock_of_redis_counts(opened: Open, memory: FakeAsyncRedis, clock: Clock) -> None:
    """A channel without times, or without threads, gets sessions, too."""
    gateway = opened(PublishLimits(session_idle_seconds=60))
    assert await sessions(gateway, memory, event_of(ADA, "e1")) == [f"session:{NOON_MS}"]
    clock.now += 59
    assert await sessions(gateway, memory, event_of(ADA, "e2")) == [f"session:{NOON_MS}"]
    clock.now += 61
    assert await sessions(gateway, memory, event_of(ADA, "e3")) == [f"session:{NOON_MS + 120_000}"]


async def test_sessions_belong_to_a_scope_and_a_thread(opened: Open, memory: FakeAsyncRedis, clock: Clock) -> None:
    """Another thread, user, agent or tenant has its own session."""
    gateway, made = opened(), list[str | None]()
    scopes = [ADA, scope_of(TENANT, "bob"), scope_of(TENANT, agent=OTHER_AGENT), scope_of(OTHER_TENANT)]
    for scope in scopes:
        clock.now += 1
        made += await sessions(
            gateway, memory, event_of(scope, "e1", thread_id="t"), event_of(scope, "e2", thread_id="u")
        )
    assert made == [f"{thread}:{NOON_MS + 1000 * i}" for i in range(1, 5) for thread in "tu"]


async def test_a_given_session_is_kept(opened: Open, memory: FakeAsyncRedis) -> None:
    """Messages with a session id do not affect the derived session of the thread."""
    given = ["mine", None, "mine", None]
    events = [event_of(ADA, f"e{i}", thread_id="t", session_id=session_id) for i, session_id in enumerate(given)]
    assert await sessions(opened(), memory, *events) == ["mine", f"t:{NOON_MS}", "mine", f"t:{NOON_MS}"]
    assert [fields[b"__data__"].count(b'"session_id"') for _, fields in await entries(memory)] == [1] * 4


@pytest.mark.parametrize("thread", ['a"b', "a\\b", "a/b\n\t\x01\x7f", "é漢\U0001f600", "%s %d %%", "'};{", "x" * 256])
async def test_any_thread_id_makes_a_session_id(opened: Open, memory: FakeAsyncRedis, thread: str) -> None:
    """The script writes the session into JSON, so special characters must not break the entry."""
    assert await sessions(opened(), memory, event_of(ADA, "e1", thread_id=thread)) == [f"{thread}:{NOON_MS}"]


async def test_outcomes_are_in_the_order_of_their_events(opened: Open, memory: FakeAsyncRedis) -> None:
    """An invalid event stops no other event."""
    good = [event_of(ADA, f"e{i}") for i in range(2)]
    wrong = {**good[0].model_dump(), "content": "a\x00"}
    long = event_of(ADA, "e9", "x" * 32_769)
    outcomes = await opened().publish_many([wrong, good[0], event_of(scope_of(STRANGER), "e1"), long, good[1]])
    assert [type(outcome) for outcome in outcomes] == [InvalidEvent, Receipt, UnknownTenant, InvalidEvent, Receipt]
    assert "contains the NUL character at index 1" in str(outcomes[0])
    assert "content: 32769 characters; at most 32768 are allowed" in str(outcomes[3])
    assert [event.event_id for event in await published(memory)] == ["e0", "e1"]


@pytest.mark.parametrize("fields", [{"content": "\ud800"}, {"schema_version": []}])
async def test_invalid_fields_of_any_type_are_refused_in_place(opened: Open, fields: dict[str, object]) -> None:
    """An event that cannot be encoded or compared fails alone, not the whole call."""
    good = event_of(ADA, "e1")
    outcomes = await opened().publish_many([{**good.model_dump(), **fields}, good])
    assert [type(outcome) for outcome in outcomes] == [InvalidEvent, Receipt]


async def test_events_keep_the_order_of_the_call(opened: Open, memory: FakeAsyncRedis) -> None:
    """This holds for more events than one script call takes."""
    names = [f"e{i}" for i in range(250)]
    outcomes = await opened().publish_many(event_of(ADA, name) for name in names)
    receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
    assert [receipt.event_id for receipt in receipts] == names
    orders = [EntryOrder.parse(receipt.entry_id) for receipt in receipts]
    assert orders == sorted(set(orders))
    assert [event.event_id for event in await published(memory)] == names
