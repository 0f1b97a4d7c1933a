"""What Redis loses is noticed from outside of it, with the span of time."""

from typing import cast

import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.stream_group import ensure_groups
from eunoe_consumers.embed.stream_watch import StreamWatch
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.stream_log import StreamLog
from eunoe_schema import keys
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, stream

MESSAGES = stream(Subject.MESSAGES)


@pytest.fixture
def stream_log(database: Database) -> StreamLog:
    """What is known outside of Redis."""
    return StreamLog(database)


@pytest.fixture
async def watch(redis: Redis, stream_log: StreamLog) -> StreamWatch:
    """A watch over a stream whose groups are there."""
    await ensure_groups(redis)
    return StreamWatch(redis, stream_log)


async def _append(redis: Redis, count: int = 1) -> list[str]:
    return [cast("bytes", await redis.xadd(MESSAGES, {"n": str(n)})).decode() for n in range(count)]


async def _settle(redis: Redis, count: int) -> None:
    """Let the group embed read and acknowledge entries."""
    reply = await redis.xreadgroup(Group.EMBED, "c", {MESSAGES: ">"}, count=count)
    ((_, entries),) = cast("list[tuple[bytes, list[tuple[bytes, object]]]]", reply)
    await redis.xack(MESSAGES, Group.EMBED, *[entry_id for entry_id, _ in entries])


async def test_a_stream_that_only_grows_has_lost_nothing(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Appending, acknowledging, trimming and deleting are no loss."""
    await watch.note()
    ids = await _append(redis, 10)
    await watch.note()
    await _settle(redis, 10)
    await watch.note()
    await redis.xdel(MESSAGES, ids[-1])
    await watch.note()
    await redis.xtrim(MESSAGES, minid=ids[5])
    await watch.note()
    await redis.xtrim(MESSAGES, maxlen=0)
    await watch.note()
    await _append(redis, 2)
    await watch.note()
    assert await stream_log.losses() == []


async def test_the_durable_mark_stands_before_the_oldest_pending_entry(redis: Redis, watch: StreamWatch) -> None:
    """What is not acknowledged is not durable, nor is anything behind it."""
    first, second, third = await _append(redis, 3)
    await redis.xreadgroup(Group.EMBED, "c", {MESSAGES: ">"}, count=3)
    await redis.xack(MESSAGES, Group.EMBED, first, third)
    seen = await watch.observe()
    assert seen is not None
    assert (str(seen.durable), str(seen.newest)) == (first, third)
    await redis.xack(MESSAGES, Group.EMBED, second)
    assert str((await watch.observe() or seen).durable) == third


async def test_a_total_loss_is_named_from_the_last_durable_entry_to_the_new_beginning(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """What was published before the span is stored, what was published after it is on the new stream."""
    ids = await _append(redis, 4)
    await _settle(redis, 2)
    await watch.note()
    await redis.flushall()
    await watch.note()  # neither stream nor group: the workers notice that
    assert await stream_log.losses() == []
    (again,) = await _append(redis)
    await ensure_groups(redis)
    await watch.note()
    (loss,) = await stream_log.losses()
    assert (loss.stream, loss.lost_after) == (MESSAGES, EntryOrder.parse(ids[1]).time)
    assert loss.lost_before == EntryOrder.parse(again).time
    await watch.note()
    assert len(await stream_log.losses()) == 1


async def test_a_total_loss_is_told_once_whoever_looks_again(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Nothing was published since: the empty stream is not taken for one that went back to the beginning of time."""
    await _append(redis, 3)
    await _settle(redis, 3)
    await watch.note()
    await redis.flushall()
    await ensure_groups(redis)
    restarted = StreamWatch(redis, stream_log)
    for _ in range(3):
        await restarted.note()
        await watch.note()
        await StreamWatch(redis, stream_log).note()
    (loss,) = await stream_log.losses()
    assert loss.lost_after.year > 1970


async def test_a_server_that_comes_back_with_an_older_state_is_noticed(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Entries that were seen are missing between others: the span is between their neighbours; told once."""
    first, second, third = await _append(redis, 3)
    await watch.note()
    await _forget(redis, kept=[first])
    again = str(EntryOrder.parse(third)._replace(sequence=EntryOrder.parse(third).sequence + 1_000))
    await redis.xadd(MESSAGES, {"n": "again"}, id=again)
    await watch.note()
    await StreamWatch(redis, stream_log).note()
    (loss,) = await stream_log.losses()
    assert (loss.lost_after, loss.lost_before) == (EntryOrder.parse(first).time, EntryOrder.parse(again).time)
    assert second != again


async def test_ids_go_on_rising_after_a_loss_of_the_newest_entries(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Windows and rows are in the order of ids: a new entry must not come before one that is stored."""
    await _append(redis)
    future = EntryOrder(4_102_444_800_000, 5)
    await redis.xadd(MESSAGES, {"n": "clock ahead"}, id=str(future))
    await watch.note()
    await _forget(redis, kept=["1-1"])
    await watch.note()
    (entry,) = await _append(redis)
    assert EntryOrder.parse(entry) > future
    await watch.note()
    assert len(await stream_log.losses()) == 1


async def test_a_process_that_was_frozen_does_not_pass_for_a_loss(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """An observation that comes late is older than what is known, and changes nothing."""
    await _append(redis, 2)
    old = await watch.observe()
    assert old is not None
    await redis.flushall()
    await redis.xadd(MESSAGES, {"n": "0"}, id=f"{old.newest.milliseconds + 1}-0")  # the clock may not have moved
    await ensure_groups(redis)
    await StreamWatch(redis, stream_log).note()
    noted = await stream_log.note(old)
    assert noted.newest > old.newest
    assert noted.lost is None
    assert await stream_log.losses() == []


async def test_an_id_beyond_all_bounds_stops_no_consumer(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Whoever appends past the gateway may choose any id: the watch goes on."""
    await redis.xadd(MESSAGES, {"n": "1"}, id="18446744073709551615-18446744073709551614")
    await watch.note()
    await watch.note()
    assert await stream_log.losses() == []


async def test_a_bad_id_behind_what_is_durable_stops_no_consumer(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """A sequence number beyond all bounds, and a good entry that is pending behind it: the watch waits, and goes on."""
    await redis.xadd(MESSAGES, {"n": "1"}, id="1700000000000-9999999")
    (good,) = await _append(redis)
    await redis.xreadgroup(Group.EMBED, "c", {MESSAGES: ">"}, count=2)
    await redis.xack(MESSAGES, Group.EMBED, "1700000000000-9999999")
    await watch.note()
    await redis.xack(MESSAGES, Group.EMBED, good)
    await watch.note()
    assert str((await watch.observe() or pytest.fail("not watched")).durable) == good
    assert await stream_log.losses() == []


async def test_a_loss_is_dismissed_when_it_was_dealt_with(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Dismissed ones are gone; one that comes later is told."""
    for told in (1, 1):
        await _append(redis, 2)
        await watch.note()
        await redis.flushall()
        await _append(redis)
        await ensure_groups(redis)
        await watch.note()
        losses = await stream_log.losses()
        assert len(losses) == told
        await stream_log.dismiss(losses)
    assert await stream_log.losses() == []


async def _forget(redis: Redis, *, kept: list[str]) -> None:
    """Put the stream into the state of a server that has lost its newest entries, and has its mark still."""
    mark = await redis.dump(keys.INCARNATION) or b""
    await redis.delete(MESSAGES)
    for entry_id in kept:
        await redis.xadd(MESSAGES, {"n": "kept"}, id=entry_id)
    await ensure_groups(redis)
    await redis.restore(keys.INCARNATION, 0, mark, replace=True)
