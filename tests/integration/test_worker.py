"""A worker on real servers: entries of dead consumers are applied once, and entries that kill consumers are found."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.delivery.stream_group import GroupLost, StreamGroup, ensure_groups, entries_of
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.delivery.worker import Worker
from eunoe_consumers.errors import TransientError
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.window.effect import AppendToWindows
from eunoe_consumers.window.window import Windows
from eunoe_schema.codec import decode_message, encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent
from eunoe_schema.streams import DATA_FIELD, Group, Subject, dead_letters, isolated_attempts, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

MESSAGES = stream(Subject.MESSAGES)
CLAIM_SECONDS = 0.5
LONG_AGO_MS = 3_600_000


class CountingGroup(StreamGroup):
    """A group's consumer that counts how often it has looked for entries to claim."""

    claims = 0

    async def claim(self, *, after_seconds: float, cursor: str) -> tuple[str, list[Entry]]:
        """Claim entries, and count the call."""
        claimed = await super().claim(after_seconds=after_seconds, cursor=cursor)
        self.claims += 1
        return claimed


class Recorder:
    """An effect that records its batches, and passes them on."""

    def __init__(self, inner: Callable[[Sequence[Delivered[MessageEvent]]], Any] | None = None) -> None:
        self.batches: list[list[str]] = []
        self._inner = inner

    async def __call__(self, batch: Sequence[Delivered[MessageEvent]]) -> Mapping[str, EunoeError]:
        """Record a batch."""
        self.batches.append([delivered.event.event_id for delivered in batch])
        return cast("Mapping[str, EunoeError]", await self._inner(batch)) if self._inner else {}

    @property
    def applied(self) -> list[str]:
        """The applied event ids, sorted, each as often as it was applied."""
        return sorted(event_id for batch in self.batches for event_id in batch)


@pytest.fixture
async def ids(redis: Redis, tenant: UUID) -> dict[str, str]:
    """The entry ids of five events e0..e4, by event id, delivered to a consumer that died long ago."""
    await ensure_groups(redis)
    scope = scope_of(tenant)
    found: dict[str, str] = {}
    for number in range(5):
        event = event_of(scope, f"e{number}")
        entry_id = cast("bytes", await redis.xadd(MESSAGES, {DATA_FIELD: encode(event)}))
        found[event.event_id] = entry_id.decode()
    assert len(await read(redis, "dead")) == 5
    await redis.xclaim(MESSAGES, Group.WINDOW, "dead", 0, list(found.values()), idle=LONG_AGO_MS, justid=True)
    return found


async def read(redis: Redis, consumer: str) -> list[Entry]:
    """Read new entries as a consumer."""
    reply = cast("list[Any]", await redis.xreadgroup(Group.WINDOW, consumer, {MESSAGES: ">"}))
    return entries_of(reply[0][1]) if reply else []


async def pending(redis: Redis) -> int:
    """Return the number of pending entries."""
    return int((await redis.xpending(MESSAGES, Group.WINDOW))["pending"])


async def done(redis: Redis) -> bool:
    """Return whether no entry is pending."""
    return await pending(redis) == 0


async def letters(redis: Redis) -> dict[str, str]:
    """Return the reasons of the dead letters, by entry id."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(dead_letters(Group.WINDOW)))
    return {fields[b"entry_id"].decode(): fields[b"reason"].decode() for _, fields in entries}


def worker_of(redis: Redis, registry: TenantRegistry, effect: Recorder, name: str = "alive") -> Worker[MessageEvent]:
    """Return a worker of the group `window`."""
    group = CountingGroup(redis, Group.WINDOW, consumer=name, keeps_entries=True)
    work = GroupWork[MessageEvent](decode=partial(decode_message, max_content_chars=100), effect=effect)
    return Worker(group, work, registry, DeliverySettings(claim_after_seconds=CLAIM_SECONDS, consumer_idle_seconds=10))


async def ended(*tasks: asyncio.Task[None]) -> bool:
    """Return whether the tasks end soon. If not, end every task, so that the test can end."""
    _, stuck = await asyncio.wait(tasks, timeout=5)
    while others := asyncio.all_tasks() - {asyncio.current_task()} if stuck else set[asyncio.Task[Any]]():
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=0.1)
    return not stuck


@asynccontextmanager
async def running(*workers: Worker[MessageEvent]) -> AsyncGenerator[None]:
    """Run workers during the block, as a process does."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        died = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        stopped = await ended(*tasks)
        await asyncio.gather(*(worker.finish_or_release(5) for worker in workers))
    assert not died, "a worker stopped by itself"
    assert stopped, "a worker did not stop when it was cancelled"


async def test_entries_of_a_dead_consumer_are_applied_once(
    redis: Redis, database: Database, registry: TenantRegistry, tenant: UUID, ids: dict[str, str]
) -> None:
    """One of several workers claims them. The window holds them once and in order, and they are acknowledged."""
    windows = Windows(redis, size=20)
    effect = Recorder(AppendToWindows(windows, TurnReader(database)))
    async with running(*(worker_of(redis, registry, effect, f"alive-{number}") for number in range(3))):
        await wait_until(partial(done, redis))
    assert effect.applied == ["e0", "e1", "e2", "e3", "e4"]
    window = await windows.read(scope_of(tenant))
    assert [(message.event_id, message.id) for message in window] == list(ids.items())
    assert await letters(redis) == {}


async def test_entries_in_hand_are_not_claimed_by_another(redis: Redis, registry: TenantRegistry, tenant: UUID) -> None:
    """Their claims are renewed, so an effect may take many times as long as a claim lasts."""
    await ensure_groups(redis)
    await redis.xadd(MESSAGES, {DATA_FIELD: encode(event_of(scope_of(tenant), "slow"))})
    may_end = asyncio.Event()

    async def wait_for_it(_: object) -> Mapping[str, EunoeError]:
        await may_end.wait()
        return {}

    effect, others = Recorder(wait_for_it), Recorder()
    slow, other = worker_of(redis, registry, effect, "slow"), worker_of(redis, registry, others, "other")
    async with running(slow, other):
        await slow.handle(await read(redis, "slow"))

        async def looked_often() -> bool:  # three heartbeats per claim: longer than two claims last
            return cast("CountingGroup", other.group).claims > 7

        await wait_until(looked_often)
        assert await pending(redis) == 1
        may_end.set()
        await wait_until(partial(done, redis))
    assert (effect.batches, others.batches) == ([["slow"]], [])


async def test_an_entry_with_many_deliveries_is_processed_alone(
    redis: Redis, registry: TenantRegistry, ids: dict[str, str]
) -> None:
    """It may kill its consumers, so its neighbours come first. It is not dead-lettered for its deliveries."""
    await redis.xclaim(MESSAGES, Group.WINDOW, "dead", 0, [ids["e2"]], idle=LONG_AGO_MS, retrycount=9, justid=True)
    await redis.hset(isolated_attempts(Group.WINDOW), ids["e2"], "1")
    effect = Recorder()
    async with running(worker_of(redis, registry, effect)):
        await wait_until(partial(done, redis))
    assert effect.batches == [["e0", "e1", "e3", "e4"], ["e2"]]
    assert await letters(redis) == {}
    assert await redis.exists(isolated_attempts(Group.WINDOW)) == 0


async def test_an_entry_that_kills_its_consumer_is_dead_lettered(
    redis: Redis, registry: TenantRegistry, ids: dict[str, str]
) -> None:
    """After two processes died in its isolated attempts, it never reaches an effect again."""
    await redis.xclaim(MESSAGES, Group.WINDOW, "dead", 0, [ids["e2"]], idle=LONG_AGO_MS, retrycount=9, justid=True)
    await redis.hset(isolated_attempts(Group.WINDOW), ids["e2"], "2")
    effect = Recorder()

    async def no_attempts() -> bool:
        return not await redis.exists(isolated_attempts(Group.WINDOW))

    async with running(worker_of(redis, registry, effect)):
        await wait_until(partial(done, redis))
        await wait_until(no_attempts, what="the removal of the attempts' count, which follows the dead letter")
    assert effect.batches == [["e0", "e1", "e3", "e4"]]
    assert await letters(redis) == {ids["e2"]: "killed its consumer in 2 isolated attempts"}


async def test_claimed_poison_entries_are_dead_lettered_alone(
    redis: Redis, registry: TenantRegistry, tenant: UUID, ids: dict[str, str]
) -> None:
    """An invalid event, an unknown tenant, too long a content, a bug in the effect: each has its own reason."""
    broken = cast("bytes", await redis.xadd(MESSAGES, {"hello": "world"})).decode()
    stranger = event_of(scope_of(UUID(int=7)), "e6")
    strange = cast("bytes", await redis.xadd(MESSAGES, {DATA_FIELD: encode(stranger)})).decode()
    long = cast("bytes", await redis.xadd(MESSAGES, {DATA_FIELD: encode(event_of(scope_of(tenant), "e7", "x" * 101))}))
    late = [entry.id for entry in await read(redis, "dead")]
    await redis.xclaim(MESSAGES, Group.WINDOW, "dead", 0, list(late), idle=LONG_AGO_MS, justid=True)

    async def fail_on_e3(batch: Sequence[Delivered[MessageEvent]]) -> Mapping[str, EunoeError]:
        if any(delivered.event.event_id == "e3" for delivered in batch):
            raise ZeroDivisionError("a bug")
        applied.extend(delivered.event.event_id for delivered in batch)
        return {}

    applied: list[str] = []
    async with running(worker_of(redis, registry, Recorder(fail_on_e3))):
        await wait_until(partial(done, redis))
    assert sorted(applied) == ["e0", "e1", "e2", "e4"]
    reasons = await letters(redis)
    assert reasons.keys() == {ids["e3"], broken, strange, long.decode()}
    assert reasons[ids["e3"]] == "unforeseen ZeroDivisionError: a bug"
    assert "event_id: Field required" in reasons[broken]
    assert reasons[strange] == f"tenant_id: {UUID(int=7)} is not a registered tenant"
    assert "101 characters; at most 100" in reasons[long.decode()]


async def test_a_pending_entry_that_was_trimmed_is_skipped(
    redis: Redis, registry: TenantRegistry, ids: dict[str, str]
) -> None:
    """The stream no longer holds it, so there is nothing to do."""
    await redis.xdel(MESSAGES, ids["e1"])
    effect = Recorder()
    async with running(worker_of(redis, registry, effect)):
        await wait_until(partial(done, redis))
    assert effect.applied == ["e0", "e2", "e3", "e4"]


async def test_a_stopping_worker_releases_unfinished_entries(
    redis: Redis, registry: TenantRegistry, tenant: UUID
) -> None:
    """While the store is away, another consumer can claim them at once. None is lost or dead-lettered."""
    await ensure_groups(redis)
    await redis.xadd(MESSAGES, {DATA_FIELD: encode(event_of(scope_of(tenant), "e0"))})

    async def fail(_: object) -> Mapping[str, EunoeError]:
        raise TransientError("the store is away")

    effect, second = Recorder(fail), Recorder()
    stopping = worker_of(redis, registry, effect, "stopping")
    await stopping.handle(await read(redis, "stopping"))
    await wait_until(_has_begun(effect))
    await stopping.finish_or_release(0)
    other = StreamGroup(redis, Group.WINDOW, consumer="other", keeps_entries=True)
    _, claimed = await other.claim(after_seconds=3_600, cursor="0-0")
    assert len(claimed) == 1
    assert await letters(redis) == {}
    await worker_of(redis, registry, second, "other").finish_or_release(5)  # finishes the entries in hand
    assert second.batches == [["e0"]]
    assert await pending(redis) == 0


def _has_begun(effect: Recorder) -> Callable[[], Any]:
    async def begun() -> bool:
        return bool(effect.batches)

    return begun


async def test_a_worker_whose_group_is_lost_stops(redis: Redis, registry: TenantRegistry) -> None:
    """Its process must start again and create the group, instead of waiting for entries for ever."""
    await ensure_groups(redis)
    task = asyncio.create_task(worker_of(redis, registry, Recorder()).run())
    await redis.delete(MESSAGES)
    assert await ended(task), "one task has ended with GroupLost, and another runs for ever"
    with pytest.RaisesGroup(GroupLost):
        task.result()


async def test_a_cancelled_worker_stops(redis: Redis, registry: TenantRegistry) -> None:
    """The test cancels it at each of its first steps."""
    await ensure_groups(redis)
    for steps in range(1, 80):
        task = asyncio.create_task(worker_of(redis, registry, Recorder()).run())
        for _ in range(steps):
            await asyncio.sleep(0)  # one turn of the event loop
        task.cancel()
        assert await ended(task), f"cancelled at step {steps}, it runs for ever"
        assert task.cancelled()


async def test_stopping_ends_although_a_batch_does_not(redis: Redis, registry: TenantRegistry, tenant: UUID) -> None:
    """A batch that waits for the end of an outage is cancelled, whatever it is doing at that moment."""
    await ensure_groups(redis)

    async def fail(_: object) -> Mapping[str, EunoeError]:
        await outage.wait()
        for _ in range(50):
            await other.renew(["1-1"])
        raise TransientError("the store is away")

    outage = asyncio.Event()
    other = StreamGroup(redis, Group.WINDOW, consumer="other", keeps_entries=True)
    for steps in range(40):
        await redis.xadd(MESSAGES, {DATA_FIELD: encode(event_of(scope_of(tenant), f"e{steps}"))})
        outage, effect = asyncio.Event(), Recorder(fail)
        worker = worker_of(redis, registry, effect, f"stopping-{steps}")
        await worker.handle(await read(redis, f"stopping-{steps}"))
        await wait_until(_has_begun(effect))
        outage.set()
        for _ in range(steps):
            await asyncio.sleep(0)  # one turn of the event loop
        assert await ended(asyncio.create_task(worker.finish_or_release(0))), (
            f"drained at step {steps}, it runs for ever"
        )


async def test_idle_consumers_are_deleted_and_a_lost_registry_is_filled(redis: Redis, registry: TenantRegistry) -> None:
    """Both happen in the background, without any entry."""
    await ensure_groups(redis)
    await redis.delete("eunoe:tenants")
    worker = worker_of(redis, registry, Recorder())
    await read(redis, "gone")
    group = StreamGroup(redis, Group.WINDOW, consumer="alive", keeps_entries=True)

    async def idle() -> bool:
        rows = await redis.xinfo_consumers(MESSAGES, Group.WINDOW)
        return min(row["idle"] for row in rows) >= 100

    await wait_until(idle)
    # Shorter than the smallest setting.
    eager = DeliverySettings.model_construct(claim_after_seconds=CLAIM_SECONDS, consumer_idle_seconds=0.1)
    quick = Worker(group, worker_work(), registry, eager)
    assert worker.group.consumer == quick.group.consumer

    async def deleted() -> bool:
        rows = await redis.xinfo_consumers(MESSAGES, Group.WINDOW)
        return all(row["name"] != b"gone" for row in rows) and bool(await redis.exists("eunoe:tenants"))

    async with running(quick):
        await wait_until(deleted)


def worker_work() -> GroupWork[MessageEvent]:
    """Return work that only records."""
    return GroupWork[MessageEvent](decode=partial(decode_message, max_content_chars=100), effect=Recorder())
