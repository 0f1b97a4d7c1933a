"""Entries that kill the process that handles them: each costs few processes and harms no other entry."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import EXIT_MARKER
from eunoe_producers import Gateway, Orchestrator, RecallTimeout
from eunoe_schema import MessageEvent, Receipt
from eunoe_schema.streams import Group, isolated_attempts
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Cli, Clis
from eunoe_tests.stores import consumed, dead, dead_entries, pending, stored_events
from eunoe_tests.waiting import wait_until

_HASH = {"embedder": "hash", "purpose": "test"}
_KILLED = 137
# A killer costs two processes among other entries, because one crash may be a coincidence, and two in isolated
# attempts, for the same reason. Killers in one batch share the first two.
_AMONG_OTHERS, _ALONE = 2, 2
_REASON = "killed its consumer in 2 isolated attempts"


class Supervised:
    """Processes of a role. Each is started again when it ends, as a supervisor does."""

    def __init__(self, clis: Clis, role: Group, processes: int, **changes: object) -> None:
        self.deaths = 0
        self._start: Callable[[], Cli] = lambda: clis.start("consume", role, **changes)
        self._running = [self._start() for _ in range(processes)]

    async def until(self, condition: Callable[[], Awaitable[bool]], *, what: str) -> None:
        """Wait for a condition and restart processes that end. Only a killer may end a process."""

        async def checked() -> bool:
            for index, cli in enumerate(self._running):
                if (code := cli.process.poll()) is not None:
                    assert code == _KILLED, cli.log
                    self.deaths += 1
                    self._running[index] = self._start()
            return await condition()

        await wait_until(checked, seconds=150, what=what)

    async def stop(self) -> None:
        """Stop all of them; each must end with exit code 0."""
        for cli in self._running:
            await cli.wait_for("consuming")
            assert await asyncio.to_thread(cli.stop) == 0, cli.log


@asynccontextmanager
async def supervised(clis: Clis, role: Group, processes: int, **changes: object) -> AsyncGenerator[Supervised]:
    """Run processes of a role, and stop them at the end."""
    running = Supervised(clis, role, processes, **_HASH, **changes)
    yield running
    await running.stop()


def _messages(tenant: UUID, count: int, killers: int) -> list[MessageEvent]:
    """Return messages of one scope with killers evenly spread among them."""
    scope = scope_of(tenant)
    events = [event_of(scope, f"e{i}", f"Message {i}.") for i in range(count)]
    for number in range(killers):
        place = (2 * number + 1) * count // (2 * killers)
        events[place] = event_of(scope, f"killer{number}", f"Do not read this: {EXIT_MARKER}")
    return events


@pytest.mark.parametrize(
    ("killers", "processes", "batch_entries"),
    [
        pytest.param(1, 1, 512, id="one"),
        pytest.param(3, 1, 512, id="three that are read together"),
        pytest.param(3, 3, 10, id="three, read by three processes"),
    ],
)
async def test_killers_are_dead_lettered_alone_after_few_crashes(
    clis: Clis,
    redis: Redis,
    redis_url: str,
    database_url: str,
    tenant: UUID,
    killers: int,
    processes: int,
    batch_entries: int,
) -> None:
    """Each costs four processes at most. Its dead letter says why, and every other message is stored once, in order."""
    events = _messages(tenant, 60, killers)
    async with await Gateway.connect(redis_url) as gateway:
        receipts = await gateway.publish_many(events)
    entry_ids = [receipt.entry_id for receipt in receipts if isinstance(receipt, Receipt)]
    expected = {entry_ids[i]: _REASON for i, event in enumerate(events) if event.event_id.startswith("killer")}
    async with supervised(clis, Group.EMBED, processes, batch_entries=batch_entries) as running:
        await running.until(lambda: consumed(redis, Group.EMBED), what="all to be stored or dead-lettered")
    assert await dead(redis, Group.EMBED) == expected
    assert len(await dead_entries(redis, Group.EMBED)) == killers
    stored = await stored_events(database_url, scope_of(tenant))
    assert stored == [event.event_id for event in events if not event.event_id.startswith("killer")]
    print(f"{killers} killers cost {running.deaths} processes")  # noqa: T201 - shown by -rP
    together = batch_entries >= len(events)
    shared = _AMONG_OTHERS if together else _AMONG_OTHERS * killers
    assert running.deaths <= shared + _ALONE * killers
    assert await pending(redis, Group.EMBED) == 0
    assert await redis.exists(isolated_attempts(Group.EMBED)) == 0


async def test_a_request_that_kills_its_consumer_is_dead_lettered_and_others_are_answered(
    clis: Clis, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """The caller of the killing query gets no reply; all other callers do."""
    scope = scope_of(tenant)
    async with (
        await Orchestrator.connect(redis_url) as orchestrator,
        supervised(clis, Group.RECALL, 1) as running,
    ):
        killing = asyncio.create_task(orchestrator.recall(scope, f"What is {EXIT_MARKER}?", deadline=60))
        others = [asyncio.create_task(orchestrator.recall(scope, f"Query {i}", deadline=60)) for i in range(8)]

        async def answered() -> bool:
            return all(task.done() for task in others) and bool(await dead(redis, Group.RECALL))

        await running.until(answered, what="the others to be answered, and the killer to be dead-lettered")
        for context in await asyncio.gather(*others):
            assert context.missing == ()
        assert list((await dead(redis, Group.RECALL)).values()) == [_REASON]
        assert not killing.done()
        killing.cancel()
        with pytest.raises((asyncio.CancelledError, RecallTimeout)):
            await killing
    assert running.deaths <= _AMONG_OTHERS + _ALONE
    assert await pending(redis, Group.RECALL) == 0
