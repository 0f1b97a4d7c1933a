"""Races of a consumer that was frozen, claimed from, and woken: it wins none that would lose, double or bury anything.

Here each is brought about step by step, with the parts of a consumer; with real processes in test_zombies.py.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.processor import GroupWork, Processor
from eunoe_consumers.delivery.stream_group import StreamGroup, ensure_groups, entries_of
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.delivery.worker import Worker, WorkerTimes
from eunoe_consumers.errors import TransientError
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import TurnReader
from eunoe_consumers.window.effect import AppendToWindows
from eunoe_consumers.window.window import Windows
from eunoe_schema.codec import decode_message, encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import MessageEvent
from eunoe_schema.streams import DATA_FIELD, Group, Subject, stream, trials
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.stores import dead, dead_entries, pending, window_events
from eunoe_tests.waiting import wait_until

MESSAGES = stream(Subject.MESSAGES)
CLAIM_SECONDS = 0.5
LONG_AGO_MS = 3_600_000
OFTEN = 9  # deliveries, beyond doubt enough to be suspected
Batch = Sequence[Delivered[MessageEvent]]


class SteppedGroup(StreamGroup):
    """A group's consumer that counts its claims, and can be held up where a process might be frozen."""

    claims = 0
    after_claim: Callable[[], Awaitable[None]] | None = None
    before_trial: Callable[[], Awaitable[None]] | None = None

    async def claim(self, *, after_seconds: float, cursor: str) -> tuple[str, list[Entry]]:
        """Claim, count, and do what the test wants to happen then."""
        claimed = await super().claim(after_seconds=after_seconds, cursor=cursor)
        self.claims += 1
        if claimed[1] and self.after_claim is not None:
            await self.after_claim()
        return claimed

    async def begin_trial(self, entry_id: str) -> int:
        """Do what the test wants to happen, then begin."""
        if self.before_trial is not None:
            await self.before_trial()
        return await super().begin_trial(entry_id)


class Applied:
    """An effect that notes the event ids of its batches, then waits where the test says so, or fails."""

    def __init__(self, *, hold: str = "", error: EunoeError | None = None) -> None:
        self.batches: list[list[str]] = []
        self.may_go_on = asyncio.Event()
        self._hold = hold
        self._error = error

    async def __call__(self, batch: Batch) -> Mapping[str, EunoeError]:
        """Note a batch; one that holds the event `hold` waits."""
        ids = [delivered.event.event_id for delivered in batch]
        self.batches.append(ids)
        if self._hold in ids:
            await self.may_go_on.wait()
        if self._error is not None:
            raise self._error
        return {}

    async def has_begun(self) -> bool:
        """Tell whether there was a batch."""
        return bool(self.batches)


class Setting:
    """A stream of one tenant, and workers on it."""

    def __init__(self, redis: Redis, registry: TenantRegistry, tenant: UUID) -> None:
        self.redis = redis
        self.registry = registry
        self.scope = scope_of(tenant)

    async def publish(self, *event_ids: str) -> list[str]:
        """Append events; return their entry ids."""
        events = [event_of(self.scope, event_id) for event_id in event_ids]
        return [
            cast("bytes", await self.redis.xadd(MESSAGES, {DATA_FIELD: encode(event)})).decode() for event in events
        ]

    async def read(self, consumer: str) -> list[Entry]:
        """Read new entries under a consumer's name."""
        reply = cast("list[Any]", await self.redis.xreadgroup(Group.WINDOW, consumer, {MESSAGES: ">"}))
        return entries_of(reply[0][1]) if reply else []

    async def lapse(self, consumer: str, ids: Sequence[str], *, deliveries: int = 1) -> None:
        """Let a consumer have entries that it has shown no sign of life for since long ago."""
        await self.redis.xclaim(
            MESSAGES, Group.WINDOW, consumer, 0, list(ids), idle=LONG_AGO_MS, retrycount=deliveries, justid=True
        )

    async def suspects(self, *event_ids: str) -> list[str]:
        """Append events whose consumers have died often; return their entry ids."""
        ids = await self.publish(*event_ids)
        await self.read("dead")
        await self.lapse("dead", ids, deliveries=OFTEN)
        return ids

    def group(self, name: str) -> SteppedGroup:
        """Return a consumer of the group `window`."""
        return SteppedGroup(self.redis, Group.WINDOW, consumer=name, keeps_entries=True)

    def worker(self, group: StreamGroup, effect: Applied, *, in_flight: int = 1) -> Worker[MessageEvent]:
        """Return a worker of a consumer."""
        decode = partial(decode_message, max_content_chars=100)
        work = GroupWork[MessageEvent](decode=decode, effect=effect, in_flight=in_flight)
        return Worker(group, work, self.registry, WorkerTimes(CLAIM_SECONDS, consumer_idle_seconds=60))

    async def done(self) -> bool:
        """Tell whether nothing is pending."""
        return await pending(self.redis, Group.WINDOW) == 0


@pytest.fixture
async def setting(redis: Redis, registry: TenantRegistry, tenant: UUID) -> Setting:
    """A stream with its groups."""
    await ensure_groups(redis)
    return Setting(redis, registry, tenant)


@asynccontextmanager
async def running(*workers: Worker[MessageEvent]) -> AsyncGenerator[None]:
    """Run workers for the length of the block, as a process does."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.gather(*(worker.drain(5) for worker in workers))


async def looked(group: SteppedGroup) -> None:
    """Wait until a consumer has looked for entries to claim over more than two claims' time."""
    before = group.claims

    async def often() -> bool:
        return group.claims > before + 7

    await wait_until(often)


async def test_suspects_that_wait_for_their_turn_are_not_claimed_by_another(setting: Setting) -> None:
    """A series of entries that run alone may take many claims' time: none of them runs elsewhere meanwhile."""
    await setting.suspects("e0", "e1", "e2")
    slow, others = Applied(hold="e0"), Applied()
    other = setting.group("other")
    async with running(setting.worker(setting.group("slow"), slow)):
        await wait_until(slow.has_begun)
        async with running(setting.worker(other, others)):
            await looked(other)
            slow.may_go_on.set()
            await wait_until(setting.done)
    assert (slow.batches, others.batches) == ([["e0"], ["e1"], ["e2"]], [])


async def test_a_suspect_shares_its_process_with_no_other_batch(setting: Setting) -> None:
    """What is in hand is finished first and what comes meanwhile waits: another's death must not count against it."""
    await setting.publish("first")
    effect = Applied(hold="first")
    worker = setting.worker(setting.group("alive"), effect, in_flight=3)
    await worker.handle(await setting.read("alive"))
    await wait_until(effect.has_begun)
    (suspect,) = await setting.suspects("suspect")
    async with running(worker):

        async def claimed() -> bool:
            rows = await setting.redis.xpending_range(MESSAGES, Group.WINDOW, suspect, suspect, 1)
            return bool(rows[0]["consumer"] == b"alive")

        await wait_until(claimed)
        await setting.publish("last")
        handling = asyncio.create_task(worker.handle(await setting.read("alive")))
        await looked_by_another(setting)
        assert effect.batches == [["first"]]
        effect.may_go_on.set()
        await handling
        await wait_until(setting.done)
    assert effect.batches == [["first"], ["suspect"], ["last"]]


async def looked_by_another(setting: Setting) -> None:
    """Let more than two claims' time pass, by the clock of a consumer that finds nothing."""
    other = setting.group("looking")
    async with running(setting.worker(other, Applied())):
        await looked(other)


async def test_what_was_done_while_the_claimer_was_frozen_is_not_done_again(setting: Setting) -> None:
    """Frozen between its claim and the work, it finds the entries finished by another, and leaves them alone."""
    ids = await setting.publish("e0", "e1")
    await setting.read("dead")
    await setting.lapse("dead", ids)
    zombie, effect = setting.group("zombie"), Applied()
    woken = asyncio.Event()

    async def be_frozen() -> None:
        await setting.group("other").acknowledge([ids[0]])
        woken.set()

    zombie.after_claim = be_frozen
    async with running(setting.worker(zombie, effect)):
        await woken.wait()
        await wait_until(setting.done)
    assert effect.batches == [["e1"]]


async def test_a_frozen_consumer_buries_nothing_that_another_has_in_hand(setting: Setting) -> None:
    """Its own trial came to nothing, and the next one would be too many: but it is no longer its entry to judge."""
    (entry_id,) = await setting.suspects("e0")
    await setting.redis.hset(trials(Group.WINDOW), entry_id, "2")
    zombie, effect = setting.group("zombie"), Applied()
    woken = asyncio.Event()

    async def be_frozen() -> None:
        await setting.lapse("other", [entry_id], deliveries=OFTEN + 1)
        zombie.before_trial = None
        await setting.group("other").renew([entry_id])
        woken.set()

    zombie.before_trial = be_frozen
    async with running(setting.worker(zombie, effect)):
        await woken.wait()
        # Until the other's claim lapses in its turn; then it is judged, once.
        await wait_until(setting.done)
    assert await dead(setting.redis, Group.WINDOW) == {entry_id: "killed its consumer 2 times when it ran alone"}
    assert zombie.claims > 3, "it was judged before the other's claim had lapsed"
    assert await setting.redis.exists(trials(Group.WINDOW)) == 0


async def test_an_outage_says_nothing_against_a_suspect(setting: Setting) -> None:
    """It survived: whatever befalls processes while they wait for the store, a good entry is not buried for it."""
    (entry_id,) = await setting.suspects("e0")
    effect = Applied(error=TransientError("the store is away"))
    async with running(setting.worker(setting.group("waiting"), effect)):

        async def tried_often() -> bool:
            return len(effect.batches) > 3

        await wait_until(tried_often)
        await wait_until(partial(_gone, setting.redis))
    assert await dead(setting.redis, Group.WINDOW) == {}
    assert await pending(setting.redis, Group.WINDOW) == 1
    healthy = Applied()
    async with running(setting.worker(setting.group("healthy"), healthy)):
        await wait_until(setting.done)
    assert healthy.batches == [["e0"]]
    assert await dead(setting.redis, Group.WINDOW) == {}
    assert await setting.redis.hget(trials(Group.WINDOW), entry_id) is None


async def _gone(redis: Redis) -> bool:
    return not await redis.exists(trials(Group.WINDOW))


async def test_a_stop_takes_back_only_its_own_trial(setting: Setting) -> None:
    """That another process died in a trial still counts; what this one has begun and not finished does not."""
    (entry_id,) = await setting.suspects("e0")
    await setting.redis.hset(trials(Group.WINDOW), entry_id, "1")
    effect = Applied(hold="e0")
    worker = setting.worker(setting.group("stopping"), effect)
    running_worker = asyncio.create_task(worker.run())
    await wait_until(effect.has_begun)
    running_worker.cancel()
    await asyncio.wait({running_worker})
    await worker.drain(0)
    assert await setting.redis.hgetall(trials(Group.WINDOW)) == {entry_id.encode(): b"1"}
    assert await pending(setting.redis, Group.WINDOW) == 1


async def test_a_suspect_that_is_left_at_the_end_runs_alone_too(setting: Setting) -> None:
    """A process that was told to stop ends with code 0 and no neighbour's harm, or the killer's trial counts."""
    (suspect,) = await setting.suspects("suspect")
    await setting.publish("e1")
    await setting.read("stopping")
    await setting.lapse("stopping", [suspect], deliveries=OFTEN)
    effect = Applied(hold="suspect")
    draining = asyncio.create_task(setting.worker(setting.group("stopping"), effect).drain(30))

    async def tried() -> bool:
        return await setting.redis.hget(trials(Group.WINDOW), suspect) == b"1"

    await wait_until(tried)
    effect.may_go_on.set()
    await draining
    assert effect.batches == [["e1"], ["suspect"]]
    assert await setting.done()


async def test_a_reader_that_waits_for_room_is_sent_away_by_the_stop(setting: Setting) -> None:
    """Nothing is cut off: the shell's stop need not wait, and what it had read is finished with the rest."""
    await setting.publish("e0")
    effect = Applied(hold="e0")
    worker = setting.worker(setting.group("stopping"), effect)
    running_worker = asyncio.create_task(worker.run())
    await worker.handle(await setting.read("stopping"))
    await wait_until(effect.has_begun)
    await setting.publish("e1")
    waiting = asyncio.create_task(worker.handle(await setting.read("stopping")))
    await looked_by_another(setting)
    assert not waiting.done()
    running_worker.cancel()
    await asyncio.wait_for(waiting, 5)
    effect.may_go_on.set()
    await worker.drain(30)
    assert effect.batches == [["e0"], ["e1"]]
    assert await setting.done()


async def test_stale_batches_change_no_window_and_leave_one_dead_letter(
    setting: Setting, redis: Redis, database: Database
) -> None:
    """A zombie's whole batch, poison included, again: the window has moved on beyond it and stays as it is."""
    windows = Windows(redis, size=5)
    work = GroupWork[MessageEvent](
        decode=partial(decode_message, max_content_chars=100), effect=AppendToWindows(windows, TurnReader(database))
    )
    zombie, other = (Processor(setting.group(name), work, setting.registry) for name in ("zombie", "other"))
    poison = cast("bytes", await redis.xadd(MESSAGES, {"hello": "world"}))
    await setting.publish(*(f"e{number}" for number in range(4)))
    stale = await setting.read("zombie")
    await setting.lapse("zombie", [entry.id for entry in stale])
    _, claimed = await setting.group("other").claim(after_seconds=1, cursor="0-0")
    await other.process(claimed)
    await zombie.process(stale)
    assert await window_events(redis, setting.scope) == ["e0", "e1", "e2", "e3"]
    await setting.publish(*(f"e{number}" for number in range(4, 10)))
    await other.process(await setting.read("other"))
    await zombie.process(stale)
    assert await window_events(redis, setting.scope) == ["e5", "e6", "e7", "e8", "e9"]
    assert [letter[b"entry_id"] for letter in await dead_entries(redis, Group.WINDOW)] == [poison]
    assert await setting.done()
