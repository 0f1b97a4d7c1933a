"""The commands of a consumer group on a real Valkey."""

import asyncio
import time
from typing import Any, cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Entry
from eunoe_consumers.delivery.stream_group import GroupLost, StreamGroup, ensure_groups, entries_of
from eunoe_producers import Gateway
from eunoe_schema.streams import Group, Subject, dead_letters, stream
from eunoe_tests.events import event_of, scope_of

MESSAGES = stream(Subject.MESSAGES)
HOUR = 3_600.0


def consumer_of(redis: Redis, name: str, group: Group = Group.WINDOW) -> StreamGroup:
    """Return a consumer of a group."""
    return StreamGroup(redis, group, consumer=name, keeps_entries=group is not Group.RECALL)


async def add(redis: Redis, count: int = 1, name: str = MESSAGES) -> list[str]:
    """Append entries and return their ids."""
    added = [await redis.xadd(name, {"number": str(number)}) for number in range(count)]
    return [cast("bytes", entry_id).decode() for entry_id in added]


async def read(redis: Redis, consumer: StreamGroup, count: int = 1_000) -> list[Entry]:
    """Read new entries as a consumer."""
    reply = cast("list[Any]", await redis.xreadgroup(consumer.group, consumer.consumer, {consumer.stream: ">"}, count))
    return entries_of(reply[0][1]) if reply else []


async def age(redis: Redis, consumer: StreamGroup, *ids: str, seconds: float = HOUR) -> None:
    """Set the time since the last heartbeat of a consumer's entries."""
    await redis.xclaim(
        consumer.stream, consumer.group, consumer.consumer, 0, list(ids), idle=int(seconds * 1000), justid=True
    )


async def owners(redis: Redis, group: Group = Group.WINDOW) -> dict[str, str]:
    """Return the owner of each pending entry, by entry id."""
    rows = cast("list[dict[str, Any]]", await redis.xpending_range(stream(group.subject), group, "-", "+", 1_000))
    return {row["message_id"].decode(): row["consumer"].decode() for row in rows}


async def consumers(redis: Redis, group: Group = Group.WINDOW) -> set[str]:
    """Return the names of a group's consumers."""
    return {row["name"].decode() for row in await redis.xinfo_consumers(stream(group.subject), group)}


@pytest.fixture
async def a(redis: Redis) -> StreamGroup:
    """A consumer, with the groups created."""
    await ensure_groups(redis)
    return consumer_of(redis, "a")


@pytest.fixture
async def b(redis: Redis, a: StreamGroup) -> StreamGroup:
    """Another consumer of the same group."""
    assert a.stream == MESSAGES
    return consumer_of(redis, "b")


async def test_groups_start_at_the_first_entry(redis: Redis, redis_url: str, tenant: UUID) -> None:
    """Entries published before the first consumer are delivered to every group of the stream."""
    async with await Gateway.connect(redis_url) as gateway:
        receipts = [await gateway.publish(event_of(scope_of(tenant), f"e{number}")) for number in range(3)]
    await ensure_groups(redis)
    groups = {row["name"].decode(): row for row in await redis.xinfo_groups(MESSAGES)}
    assert groups.keys() == {"window", "embed"}
    assert {row["name"] for row in await redis.xinfo_groups(stream(Subject.RECALL))} == {b"recall"}
    for group in (Group.WINDOW, Group.EMBED):
        entries = await read(redis, consumer_of(redis, "a", group))
        assert [entry.id for entry in entries] == [receipt.entry_id for receipt in receipts]


async def test_creating_groups_again_changes_nothing(redis: Redis) -> None:
    """Many processes may do it at once. A group keeps its position and its pending entries."""
    await asyncio.gather(*(ensure_groups(redis) for _ in range(4)))
    (entry_id,) = await add(redis)
    await read(redis, consumer_of(redis, "a"))
    await ensure_groups(redis)
    assert await owners(redis) == {entry_id: "a"}
    assert await read(redis, consumer_of(redis, "a")) == []


async def test_an_entry_is_dead_lettered_once_with_its_origin(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """Concurrent calls make one dead letter, with reason, origin, attempts and the unchanged fields."""
    fields = {b"__data__": b"\xff\x00", b"reason": b"a publisher's own", "größe".encode(): b""}
    entry_id = cast("bytes", await redis.xadd(MESSAGES, cast("Any", fields))).decode()
    (entry,) = await read(redis, a)
    await age(redis, a, entry_id)
    assert [claimed.id for claimed in (await b.claim(after_seconds=1, cursor="0-0"))[1]] == [entry_id]
    before_ms = time.time() * 1000
    moved = await asyncio.gather(*(consumer.dead_letter(entry, "why: größe") for consumer in (a, b, a, b)))
    assert sorted(moved) == [False, False, False, True]
    ((_, letter),) = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(dead_letters(Group.WINDOW)))
    assert abs(int(letter.pop(b"buried_ms")) - before_ms) < 60_000
    assert letter == {
        b"stream": MESSAGES.encode(),
        b"group": b"window",
        b"entry_id": entry_id.encode(),
        b"reason": "why: größe".encode(),
        b"first_seen_ms": entry_id.partition("-")[0].encode(),
        b"attempts": b"2",
    } | {b"entry:" + name: value for name, value in fields.items()}
    assert await owners(redis) == {}
    assert await redis.xlen(MESSAGES) == 1, "other groups have yet to read it"
    assert await redis.xlen(dead_letters(Group.EMBED)) == 0


async def test_an_acknowledged_entry_is_not_dead_lettered(redis: Redis, a: StreamGroup) -> None:
    """A late call changes nothing."""
    await add(redis)
    (entry,) = await read(redis, a)
    await a.acknowledge([entry.id])
    assert not await a.dead_letter(entry, "too late")
    assert await redis.exists(dead_letters(Group.WINDOW)) == 0


@pytest.mark.parametrize("count", [1, 1_000, 5_000])
async def test_an_entry_with_thousands_of_fields_is_dead_lettered(redis: Redis, a: StreamGroup, count: int) -> None:
    """An entry that could not be dead-lettered would come back for ever."""
    await redis.xadd(MESSAGES, cast("Any", {f"field {number}": str(number) for number in range(count)}))
    (entry,) = await read(redis, a)
    assert await a.dead_letter(entry, "not an event")
    ((_, letter),) = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(dead_letters(Group.WINDOW)))
    kept = [name for name in letter if name.startswith(b"entry:")]
    assert len(kept) == min(count, 1_000)
    rest = letter.get(b"more_fields_msgpack", b"")
    assert all(f"field {number}".encode() in rest for number in range(1_000, count)), "the other fields are packed"
    assert await owners(redis) == {}


async def test_finished_requests_are_deleted_from_their_stream(redis: Redis, a: StreamGroup) -> None:
    """Messages stay on theirs, because other groups read them."""
    recall = consumer_of(redis, "a", Group.RECALL)
    await add(redis, 3, recall.stream)
    answered, refused, waiting = await read(redis, recall)
    await recall.acknowledge([answered.id])
    assert await recall.dead_letter(refused, "not a request")
    left = entries_of(cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(recall.stream)))
    assert [entry.id for entry in left] == [waiting.id]
    assert await owners(redis, Group.RECALL) == {waiting.id: "a"}
    await add(redis, 2)
    await a.acknowledge([entry.id for entry in await read(redis, a)])
    await a.acknowledge([])
    assert await redis.xlen(MESSAGES) == 2
    assert await owners(redis) == {}


async def test_a_renewed_entry_is_not_claimed(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """A heartbeat is no delivery. Without it, the next consumer claims the entry."""
    renewed, forgotten = await add(redis, 2)
    await read(redis, a)
    await age(redis, a, renewed, forgotten)
    assert await a.renew([renewed]) == 1
    _, claimed = await b.claim(after_seconds=HOUR / 2, cursor="0-0")
    assert [entry.id for entry in claimed] == [forgotten]
    assert await owners(redis) == {renewed: "a", forgotten: "b"}
    assert await a.deliveries([Entry(renewed, {}), *claimed, Entry("1-1", {})]) == {renewed: 1, forgotten: 2}


async def test_renewing_takes_no_entry_back(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """A consumer that was frozen learns that another owns its entry. Owner and idle time stay as they are."""
    mine, lost, done = await add(redis, 3)
    await read(redis, a)
    await a.acknowledge([done])
    await age(redis, a, lost)
    await b.claim(after_seconds=1, cursor="0-0")
    await age(redis, b, lost)
    assert await a.renew([mine, lost, done, "1-1"]) == 1
    assert await owners(redis) == {mine: "a", lost: "b"}
    (row,) = cast("list[dict[str, int]]", await redis.xpending_range(MESSAGES, Group.WINDOW, lost, lost, 1))
    assert row["time_since_delivered"] >= HOUR * 1000


async def test_a_released_entry_is_claimed_at_once(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """A stopping consumer releases its own entries and no others."""
    released, kept, others = await add(redis, 3)
    await read(redis, a, 2)
    await read(redis, b)
    assert (await b.claim(after_seconds=HOUR, cursor="0-0"))[1] == []
    await a.release([released, others])
    cursor, claimed = await consumer_of(redis, "c").claim(after_seconds=HOUR, cursor="0-0")
    assert cursor == "0-0"
    assert [(entry.id, entry.fields) for entry in claimed] == [(released, {b"number": b"0"})]
    assert await owners(redis) == {released: "c", kept: "a", others: "b"}


async def test_claiming_visits_every_pending_entry_once(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """It goes by cursor, a hundred at a time. Entries that were trimmed are left out."""
    ids = await add(redis, 250)
    await read(redis, a)
    await age(redis, a, *ids)
    await redis.xdel(MESSAGES, ids[7])
    cursor, claimed = await b.claim(after_seconds=1, cursor="0-0")
    while cursor != "0-0":
        cursor, more = await b.claim(after_seconds=1, cursor=cursor)
        assert len(more) <= 100
        claimed += more
    assert [entry.id for entry in claimed] == [entry_id for entry_id in ids if entry_id != ids[7]]
    assert set((await owners(redis)).values()) == {"b"}
    assert ids[7] not in await owners(redis)


async def test_own_pending_lists_the_entries_of_this_consumer(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """The oldest first, at most a hundred, without acknowledged ones. Deleted entries have no fields."""
    ids = await add(redis, 120)
    await read(redis, a, 110)
    await read(redis, b)
    await a.acknowledge(ids[:5])
    await redis.xdel(MESSAGES, ids[5])
    own = await a.own_pending()
    assert [entry.id for entry in own] == ids[5:105]
    assert own[0].fields == {}
    assert own[1].fields == {b"number": b"6"}
    assert [entry.id for entry in await b.own_pending()] == ids[110:]
    assert await consumer_of(redis, "c").own_pending() == []


async def test_a_consumer_with_pending_entries_is_never_deleted(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """Deleting it would drop its entries for ever. An idle consumer without entries is deleted."""
    (entry_id,) = await add(redis)
    await read(redis, a)
    await read(redis, b)
    await read(redis, consumer_of(redis, "c"))
    assert await a.delete_idle_consumers(idle_seconds=HOUR) == []
    assert await a.delete_idle_consumers(idle_seconds=0, only_self=True) == []
    assert await b.delete_idle_consumers(idle_seconds=0, only_self=True) == ["b"]
    assert await consumers(redis) == {"a", "c"}
    assert await b.delete_idle_consumers(idle_seconds=0) == ["c"]
    assert await owners(redis) == {entry_id: "a"}
    await a.acknowledge([entry_id])
    assert await b.delete_idle_consumers(idle_seconds=0) == ["a"]
    assert await consumers(redis) == set()


@pytest.mark.parametrize("loss", ["never made", "stream deleted", "group destroyed"])
async def test_a_lost_group_raises_group_lost(redis: Redis, loss: str) -> None:
    """However it was lost, the error differs from an outage of Redis."""
    consumer = consumer_of(redis, "a")
    if loss != "never made":
        await ensure_groups(redis)
        await add(redis)
        await read(redis, consumer)
    if loss == "stream deleted":
        await redis.delete(MESSAGES)
    if loss == "group destroyed":
        await redis.xgroup_destroy(MESSAGES, Group.WINDOW)
    with pytest.raises(GroupLost, match="the consumer group is gone"):
        await consumer.claim(after_seconds=1, cursor="0-0")
    with pytest.raises(GroupLost, match="the consumer group is gone"):
        await consumer.own_pending()


async def test_isolated_attempts_are_counted_until_one_ends(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """The count belongs to the group, whichever process attempts. The end of an attempt clears it."""
    first, second = await add(redis, 2)
    entries = await read(redis, a)
    assert await a.begin_isolated_attempt(first) == 1
    await age(redis, a, first)
    await b.claim(after_seconds=1, cursor="0-0")
    assert [await b.begin_isolated_attempt(first), await a.begin_isolated_attempt(second)] == [2, 1]
    assert await a.isolated_attempts(entries) == {first: 2, second: 1}
    await b.clear_isolated_attempts(first)
    assert await b.begin_isolated_attempt(first) == 1
    await b.clear_isolated_attempts(first)
    await a.clear_isolated_attempts(second)
    assert await a.isolated_attempts(entries) == {}
    assert await redis.exists("eunoe:trials:window") == 0


async def test_only_the_owner_of_an_entry_begins_an_isolated_attempt(
    redis: Redis, a: StreamGroup, b: StreamGroup
) -> None:
    """A consumer that was frozen must not count against an entry of another, or one that is done."""
    lost, done = await add(redis, 2)
    await read(redis, a)
    await a.acknowledge([done])
    await age(redis, a, lost)
    await b.claim(after_seconds=1, cursor="0-0")
    assert [
        await a.begin_isolated_attempt(lost),
        await a.begin_isolated_attempt(done),
        await b.begin_isolated_attempt(lost),
    ] == [0, 0, 1]


async def test_withdrawing_takes_back_only_ones_own_attempt(redis: Redis, a: StreamGroup, b: StreamGroup) -> None:
    """That another process died in an attempt still counts."""
    (entry_id,) = await add(redis)
    entries = await read(redis, a)
    await a.begin_isolated_attempt(entry_id)
    await age(redis, a, entry_id)
    await b.claim(after_seconds=1, cursor="0-0")
    assert await b.begin_isolated_attempt(entry_id) == 2
    await a.withdraw_isolated_attempt(entry_id)
    assert await a.isolated_attempts(entries) == {entry_id: 1}
    await b.withdraw_isolated_attempt(entry_id)
    await b.withdraw_isolated_attempt(entry_id)
    assert await redis.exists("eunoe:trials:window") == 0
