"""Data that Redis loses is noticed from outside Redis, with its time span."""

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

pytestmark = pytest.mark.slow

MESSAGES = stream(Subject.MESSAGES)


@pytest.fixture
def stream_log(database: Database) -> StreamLog:
    """The log in PostgreSQL."""
    return StreamLog(database)


@pytest.fixture
async def watch(redis: Redis, stream_log: StreamLog) -> StreamWatch:
    """A watch of a stream with its groups."""
    await ensure_groups(redis)
    return StreamWatch(redis, stream_log)


async def _append(redis: Redis, count: int = 1) -> list[str]:
    return [cast("bytes", await redis.xadd(MESSAGES, {"n": str(n)})).decode() for n in range(count)]


async def _process(redis: Redis, count: int) -> None:
    """Let the group `embed` read and acknowledge entries."""
    reply = await redis.xreadgroup(Group.EMBED, "c", {MESSAGES: ">"}, count=count)
    ((_, entries),) = cast("list[tuple[bytes, list[tuple[bytes, object]]]]", reply)
    await redis.xack(MESSAGES, Group.EMBED, *[entry_id for entry_id, _ in entries])


async def test_normal_operation_is_no_loss(redis: Redis, watch: StreamWatch, stream_log: StreamLog) -> None:
    """Appending, acknowledging, trimming and deleting are not reported."""
    await watch.record()
    ids = await _append(redis, 10)
    await watch.record()
    await _process(redis, 10)
    await watch.record()
    await redis.xdel(MESSAGES, ids[-1])
    await watch.record()
    await redis.xtrim(MESSAGES, minid=ids[5])
    await watch.record()
    await redis.xtrim(MESSAGES, maxlen=0)
    await watch.record()
    await _append(redis, 2)
    await watch.record()
    assert await stream_log.losses() == []


async def test_the_durable_entry_precedes_the_oldest_pending_one(redis: Redis, watch: StreamWatch) -> None:
    """A pending entry is not durable, and neither is any entry after it."""
    first, second, third = await _append(redis, 3)
    await redis.xreadgroup(Group.EMBED, "c", {MESSAGES: ">"}, count=3)
    await redis.xack(MESSAGES, Group.EMBED, first, third)
    seen = await watch.observe()
    assert seen is not None
    assert (str(seen.durable), str(seen.newest)) == (first, third)
    await redis.xack(MESSAGES, Group.EMBED, second)
    assert str((await watch.observe() or seen).durable) == third


async def test_a_total_loss_spans_from_the_last_durable_entry_to_the_new_stream(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Earlier messages are stored, and later ones are on the new stream."""
    ids = await _append(redis, 4)
    await _process(redis, 2)
    await watch.record()
    await redis.flushall()
    await watch.record()  # neither stream nor group: the workers report that
    assert await stream_log.losses() == []
    (again,) = await _append(redis)
    await ensure_groups(redis)
    await watch.record()
    (loss,) = await stream_log.losses()
    assert (loss.stream, loss.lost_after) == (MESSAGES, EntryOrder.parse(ids[1]).time)
    assert loss.lost_before == EntryOrder.parse(again).time
    await watch.record()
    assert len(await stream_log.losses()) == 1


async def test_a_total_loss_is_recorded_once(redis: Redis, watch: StreamWatch, stream_log: StreamLog) -> None:
    """Several watches see the same empty stream, and none takes it for one that began in 1970."""
    await _append(redis, 3)
    await _process(redis, 3)
    await watch.record()
    await redis.flushall()
    await ensure_groups(redis)
    restarted = StreamWatch(redis, stream_log)
    for _ in range(3):
        await restarted.record()
        await watch.record()
        await StreamWatch(redis, stream_log).record()
    (loss,) = await stream_log.losses()
    assert loss.lost_after.year > 1970


async def test_a_server_with_an_older_state_is_a_loss(redis: Redis, watch: StreamWatch, stream_log: StreamLog) -> None:
    """Entries that were seen are missing between others. The span lies between their neighbours."""
    first, second, third = await _append(redis, 3)
    await watch.record()
    await _forget(redis, kept=[first])
    again = str(EntryOrder.parse(third)._replace(sequence=EntryOrder.parse(third).sequence + 1_000))
    await redis.xadd(MESSAGES, {"n": "again"}, id=again)
    await watch.record()
    await StreamWatch(redis, stream_log).record()
    (loss,) = await stream_log.losses()
    assert (loss.lost_after, loss.lost_before) == (EntryOrder.parse(first).time, EntryOrder.parse(again).time)
    assert second != again


async def test_ids_keep_rising_after_the_newest_entries_are_lost(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """Windows and rows are ordered by id, so a new entry must not precede a stored one."""
    await _append(redis)
    future = EntryOrder(4_102_444_800_000, 5)
    await redis.xadd(MESSAGES, {"n": "clock ahead"}, id=str(future))
    await watch.record()
    await _forget(redis, kept=["1-1"])
    await watch.record()
    (entry,) = await _append(redis)
    assert EntryOrder.parse(entry) > future
    await watch.record()
    assert len(await stream_log.losses()) == 1


async def test_a_late_observation_is_no_loss(redis: Redis, watch: StreamWatch, stream_log: StreamLog) -> None:
    """The observation of a process that was frozen is older than the recorded state, and changes nothing."""
    await _append(redis, 2)
    old = await watch.observe()
    assert old is not None
    await redis.flushall()
    await redis.xadd(MESSAGES, {"n": "0"}, id=f"{old.newest.milliseconds + 1}-0")  # the clock may not have moved
    await ensure_groups(redis)
    await StreamWatch(redis, stream_log).record()
    recorded = await stream_log.record(old)
    assert recorded.newest > old.newest
    assert recorded.lost is None
    assert await stream_log.losses() == []


async def test_an_id_too_large_to_store_stops_no_watch(redis: Redis, watch: StreamWatch, stream_log: StreamLog) -> None:
    """Whoever appends past the gateway may choose any id."""
    await redis.xadd(MESSAGES, {"n": "1"}, id="18446744073709551615-18446744073709551614")
    await watch.record()
    await watch.record()
    assert await stream_log.losses() == []


async def test_a_large_id_before_a_pending_entry_stops_no_watch(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """The watch waits until the pending entry is acknowledged, and continues."""
    await redis.xadd(MESSAGES, {"n": "1"}, id="1700000000000-9999999")
    (good,) = await _append(redis)
    await redis.xreadgroup(Group.EMBED, "c", {MESSAGES: ">"}, count=2)
    await redis.xack(MESSAGES, Group.EMBED, "1700000000000-9999999")
    await watch.record()
    await redis.xack(MESSAGES, Group.EMBED, good)
    await watch.record()
    assert str((await watch.observe() or pytest.fail("the watch did not continue")).durable) == good
    assert await stream_log.losses() == []


async def test_a_dismissed_loss_is_forgotten_and_a_later_one_recorded(
    redis: Redis, watch: StreamWatch, stream_log: StreamLog
) -> None:
    """The operator dismisses a loss after dealing with it."""
    for recorded in (1, 1):
        await _append(redis, 2)
        await watch.record()
        await redis.flushall()
        await _append(redis)
        await ensure_groups(redis)
        await watch.record()
        losses = await stream_log.losses()
        assert len(losses) == recorded
        await stream_log.dismiss(losses)
    assert await stream_log.losses() == []


async def _forget(redis: Redis, *, kept: list[str]) -> None:
    """Put the stream into the state of a server that has lost its newest entries but not the mark."""
    mark = await redis.dump(keys.INCARNATION) or b""
    await redis.delete(MESSAGES)
    for entry_id in kept:
        await redis.xadd(MESSAGES, {"n": "kept"}, id=entry_id)
    await ensure_groups(redis)
    await redis.restore(keys.INCARNATION, 0, mark, replace=True)
