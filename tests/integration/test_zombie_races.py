"""Races of a consumer that was frozen until others claimed its entries: nothing is lost, doubled or dead-lettered.

These tests run the parts of a consumer step by step. acceptance/test_zombies.py uses real processes.
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
from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.delivery.stream_group import StreamGroup, ensure_groups, entries_of
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
from eunoe_schema.streams import DATA_FIELD, Group, Subject, isolated_attempts, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processors import process
from eunoe_tests.stores import dead, dead_entries, pending, window_events
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

MESSAGES = stream(Subject.MESSAGES)
CLAIM_SECONDS = 0.5
LONG_AGO_MS = 3_600_000
OFTEN = 9  # deliveries that make an entry a suspect
Batch = Sequence[Delivered[MessageEvent]]


class SteppedGroup(StreamGroup):
    """A consumer that counts its claims, and can be held where a process may be frozen."""

    claims = 0
    after_claim: Callable[[], Awaitable[None]] | None = None
    before_isolated_attempt: Callable[[], Awaitable[None]] | None = None

    async def claim(self, *, after_seconds: float, cursor: str) -> tuple[str, list[Entry]]:
        """Claim entries, count the call, and then do what the test wants."""
        claimed = await super().claim(after_seconds=after_seconds, cursor=cursor)
        self.claims += 1
        if claimed[1] and self.after_claim is not None:
            await self.after_claim()
        return claimed

    async def begin_isolated_attempt(self, entry_id: str) -> int:
        """Do what the test wants, then begin the attempt."""
        if self.before_isolated_attempt is not None:
            await self.before_isolated_attempt()
        return await super().begin_isolated_attempt(entry_id)


class Applied:
    """An effect that records the event ids of its batches, then waits or fails as the test wants."""

    def __init__(self, *, hold: str = "", error: EunoeError | None = None) -> None:
        self.batches: list[list[str]] = []
        self.may_go_on = asyncio.Event()
        self._hold = hold
        self._error = error

    async def __call__(self, batch: Batch) -> Mapping[str, EunoeError]:
        """Record a batch. A batch with the event `hold` waits."""
        ids = [delivered.event.event_id for delivered in batch]
        self.batches.append(ids)
        if self._hold in ids:
            await self.may_go_on.wait()
        if self._error is not None:
            raise self._error
        return {}

    async def has_begun(self) -> bool:
        """Return whether a batch has begun."""
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
        """Read new entries as a consumer."""
        reply = cast("list[Any]", await self.redis.xreadgroup(Group.WINDOW, consumer, {MESSAGES: ">"}))
        return entries_of(reply[0][1]) if reply else []

    async def expire_claims(self, consumer: str, ids: Sequence[str], *, deliveries: int = 1) -> None:
        """Give entries to a consumer whose last heartbeat was long ago."""
        await self.redis.xclaim(
            MESSAGES, Group.WINDOW, consumer, 0, list(ids), idle=LONG_AGO_MS, retrycount=deliveries, justid=True
        )

    async def suspects(self, *event_ids: str) -> list[str]:
        """Append events whose consumers have died often; return their entry ids."""
        ids = await self.publish(*event_ids)
        await self.read("dead")
        await self.expire_claims("dead", ids, deliveries=OFTEN)
        return ids

    def group(self, name: str) -> SteppedGroup:
        """Return a consumer of the group `window`."""
        return SteppedGroup(self.redis, Group.WINDOW, consumer=name, keeps_entries=True)

    def worker(self, group: StreamGroup, effect: Applied, *, in_flight: int = 1) -> Worker[MessageEvent]:
        """Return the worker of a consumer."""
        decode = partial(decode_message, max_content_chars=100)
        work = GroupWork[MessageEvent](decode=decode, effect=effect, in_flight=in_flight)
        return Worker(
            group, work, self.registry, DeliverySettings(claim_after_seconds=CLAIM_SECONDS, consumer_idle_seconds=60)
        )

    async def done(self) -> bool:
        """Return whether no entry is pending."""
        return await pending(self.redis, Group.WINDOW) == 0


@pytest.fixture
async def setting(redis: Redis, registry: TenantRegistry, tenant: UUID) -> Setting:
    """A stream with its groups."""
    await ensure_groups(redis)
    return Setting(redis, registry, tenant)


@asynccontextmanager
async def running(*workers: Worker[MessageEvent]) -> AsyncGenerator[None]:
    """Run workers during the block, as a process does."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.gather(*(worker.finish_or_release(5) for worker in workers))


async def wait_for_claims(group: SteppedGroup) -> None:
    """Wait until a consumer has claimed for longer than two claims last."""
    before = group.claims

    async def often() -> bool:
        return group.claims > before + 7

    await wait_until(often)


async def test_suspects_that_wait_are_not_claimed_by_another(setting: Setting) -> None:
    """Isolated attempts one after another may take longer than a claim lasts. Meanwhile none runs elsewhere."""
    await setting.suspects("e0", "e1", "e2")
    slow, others = Applied(hold="e0"), Applied()
    other = setting.group("other")
    async with running(setting.worker(setting.group("slow"), slow)):
        await wait_until(slow.has_begun)
        async with running(setting.worker(other, others)):
            await wait_for_claims(other)
            slow.may_go_on.set()
            await wait_until(setting.done)
    assert (slow.batches, others.batches) == ([["e0"], ["e1"], ["e2"]], [])


async def test_an_isolated_attempt_shares_its_process_with_no_batch(setting: Setting) -> None:
    """Batches in hand finish first and later ones wait, so that no other crash counts against the suspect."""
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
        await wait_for_claims_of_another(setting)
        assert effect.batches == [["first"]]
        effect.may_go_on.set()
        await handling
        await wait_until(setting.done)
    assert effect.batches == [["first"], ["suspect"], ["last"]]


async def wait_for_claims_of_another(setting: Setting) -> None:
    """Let more than two claims pass, by the clock of a consumer that finds nothing."""
    other = setting.group("looking")
    async with running(setting.worker(other, Applied())):
        await wait_for_claims(other)


async def test_entries_finished_while_the_claimer_was_frozen_are_skipped(setting: Setting) -> None:
    """A consumer that was frozen between its claim and the work leaves them alone."""
    ids = await setting.publish("e0", "e1")
    await setting.read("dead")
    await setting.expire_claims("dead", ids)
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


async def test_a_frozen_consumer_dead_letters_no_entry_of_another(setting: Setting) -> None:
    """Its next attempt would be one too many, but another consumer owns the entry now."""
    (entry_id,) = await setting.suspects("e0")
    await setting.redis.hset(isolated_attempts(Group.WINDOW), entry_id, "2")
    zombie, effect = setting.group("zombie"), Applied()
    woken = asyncio.Event()

    async def be_frozen() -> None:
        await setting.expire_claims("other", [entry_id], deliveries=OFTEN + 1)
        zombie.before_isolated_attempt = None
        await setting.group("other").renew([entry_id])
        woken.set()

    zombie.before_isolated_attempt = be_frozen
    async with running(setting.worker(zombie, effect)):
        await woken.wait()
        # After the claim of the other consumer has also expired, the entry is dead-lettered once.
        await wait_until(setting.done)
    assert await dead(setting.redis, Group.WINDOW) == {entry_id: "killed its consumer in 2 isolated attempts"}
    assert zombie.claims > 3, "the entry was dead-lettered before the claim of the other consumer had expired"
    assert await setting.redis.exists(isolated_attempts(Group.WINDOW)) == 0


async def test_an_outage_does_not_count_against_a_suspect(setting: Setting) -> None:
    """Its process survived. A good entry is not dead-lettered for what happens to processes during an outage."""
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
    assert await setting.redis.hget(isolated_attempts(Group.WINDOW), entry_id) is None


async def _gone(redis: Redis) -> bool:
    return not await redis.exists(isolated_attempts(Group.WINDOW))


async def test_a_stopping_worker_withdraws_only_its_own_attempt(setting: Setting) -> None:
    """That another process died in an attempt still counts. The unfinished attempt of this one does not."""
    (entry_id,) = await setting.suspects("e0")
    await setting.redis.hset(isolated_attempts(Group.WINDOW), entry_id, "1")
    effect = Applied(hold="e0")
    worker = setting.worker(setting.group("stopping"), effect)
    running_worker = asyncio.create_task(worker.run())
    await wait_until(effect.has_begun)
    running_worker.cancel()
    await asyncio.wait({running_worker})
    await worker.finish_or_release(0)
    assert await setting.redis.hgetall(isolated_attempts(Group.WINDOW)) == {entry_id.encode(): b"1"}
    assert await pending(setting.redis, Group.WINDOW) == 1


async def test_a_stopping_worker_processes_a_suspect_alone(setting: Setting) -> None:
    """It could kill the process while its neighbours are unfinished."""
    (suspect,) = await setting.suspects("suspect")
    await setting.publish("e1")
    await setting.read("stopping")
    await setting.expire_claims("stopping", [suspect], deliveries=OFTEN)
    effect = Applied(hold="suspect")
    draining = asyncio.create_task(setting.worker(setting.group("stopping"), effect).finish_or_release(30))

    async def tried() -> bool:
        return await setting.redis.hget(isolated_attempts(Group.WINDOW), suspect) == b"1"

    await wait_until(tried)
    effect.may_go_on.set()
    await draining
    assert effect.batches == [["e1"], ["suspect"]]
    assert await setting.done()


async def test_a_stop_ends_the_readers_wait_for_a_slot(setting: Setting) -> None:
    """Stopping the reader need not wait, and the entries it has read are finished with the rest."""
    await setting.publish("e0")
    effect = Applied(hold="e0")
    worker = setting.worker(setting.group("stopping"), effect)
    running_worker = asyncio.create_task(worker.run())
    await worker.handle(await setting.read("stopping"))
    await wait_until(effect.has_begun)
    await setting.publish("e1")
    waiting = asyncio.create_task(worker.handle(await setting.read("stopping")))
    await wait_for_claims_of_another(setting)
    assert not waiting.done()
    running_worker.cancel()
    await asyncio.wait_for(waiting, 5)
    effect.may_go_on.set()
    await worker.finish_or_release(30)
    assert effect.batches == [["e0"], ["e1"]]
    assert await setting.done()


async def test_stale_batches_change_no_window_and_leave_one_dead_letter(
    setting: Setting, redis: Redis, database: Database
) -> None:
    """A zombie processes its whole batch again, poison included. The window has moved on and stays as it is."""
    windows = Windows(redis, size=5)
    work = GroupWork[MessageEvent](
        decode=partial(decode_message, max_content_chars=100), effect=AppendToWindows(windows, TurnReader(database))
    )
    zombie, other = (Processor(setting.group(name), work, setting.registry) for name in ("zombie", "other"))
    poison = cast("bytes", await redis.xadd(MESSAGES, {"hello": "world"}))
    await setting.publish(*(f"e{number}" for number in range(4)))
    stale = await setting.read("zombie")
    await setting.expire_claims("zombie", [entry.id for entry in stale])
    _, claimed = await setting.group("other").claim(after_seconds=1, cursor="0-0")
    await process(other, claimed)
    await process(zombie, stale)
    assert await window_events(redis, setting.scope) == ["e0", "e1", "e2", "e3"]
    await setting.publish(*(f"e{number}" for number in range(4, 10)))
    await process(other, await setting.read("other"))
    await process(zombie, stale)
    assert await window_events(redis, setting.scope) == ["e5", "e6", "e7", "e8", "e9"]
    assert [letter[b"entry_id"] for letter in await dead_entries(redis, Group.WINDOW)] == [poison]
    assert await setting.done()
