"""Entries that kill the process which works on them: each costs few processes, and none of its neighbours."""

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
# Twice among others, since the first death may be a coincidence; twice alone, for the same reason. Killers that were
# read together share the first two.
_AMONG_OTHERS, _ALONE = 2, 2
_REASON = "killed its consumer in 2 isolated attempts"


class Supervised:
    """Processes of a role, each started again when it has ended, as a supervisor would."""

    def __init__(self, clis: Clis, role: Group, processes: int, **changes: object) -> None:
        self.deaths = 0
        self._start: Callable[[], Cli] = lambda: clis.start("consume", role, **changes)
        self._running = [self._start() for _ in range(processes)]

    async def until(self, condition: Callable[[], Awaitable[bool]], *, what: str) -> None:
        """Wait for a condition, and start again what has ended meanwhile; any end but a killer's is a failure."""

        async def checked() -> bool:
            for index, cli in enumerate(self._running):
                if (code := cli.process.poll()) is not None:
                    assert code == _KILLED, cli.log
                    self.deaths += 1
                    self._running[index] = self._start()
            return await condition()

        await wait_until(checked, seconds=150, what=what)

    async def stop(self) -> None:
        """Stop in order."""
        for cli in self._running:
            await cli.wait_for("consuming")
            assert await asyncio.to_thread(cli.stop) == 0, cli.log


@asynccontextmanager
async def supervised(clis: Clis, role: Group, processes: int, **changes: object) -> AsyncGenerator[Supervised]:
    """Run processes of a role, and stop them in order."""
    running = Supervised(clis, role, processes, **_HASH, **changes)
    yield running
    await running.stop()


def _messages(tenant: UUID, count: int, killers: int) -> list[MessageEvent]:
    """Return messages of one scope, the killers spread among them."""
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
async def test_killers_are_buried_alone_and_soon(
    clis: Clis,
    redis: Redis,
    redis_url: str,
    database_url: str,
    tenant: UUID,
    killers: int,
    processes: int,
    batch_entries: int,
) -> None:
    """Four processes at most for each, a dead letter that says why, and every neighbour stored once, in order."""
    events = _messages(tenant, 60, killers)
    async with await Gateway.connect(redis_url) as gateway:
        receipts = await gateway.publish_many(events)
    entry_ids = [receipt.entry_id for receipt in receipts if isinstance(receipt, Receipt)]
    expected = {entry_ids[i]: _REASON for i, event in enumerate(events) if event.event_id.startswith("killer")}
    async with supervised(clis, Group.EMBED, processes, batch_entries=batch_entries) as running:
        await running.until(lambda: consumed(redis, Group.EMBED), what="all to be stored or buried")
    assert await dead(redis, Group.EMBED) == expected
    assert len(await dead_entries(redis, Group.EMBED)) == killers
    stored = await stored_events(database_url, scope_of(tenant))
    assert stored == [event.event_id for event in events if not event.event_id.startswith("killer")]
    print(f"{killers} killers cost {running.deaths} processes")  # noqa: T201 - a figure for who asks with -rP
    together = batch_entries >= len(events)
    shared = _AMONG_OTHERS if together else _AMONG_OTHERS * killers
    assert running.deaths <= shared + _ALONE * killers
    assert await pending(redis, Group.EMBED) == 0
    assert await redis.exists(isolated_attempts(Group.EMBED)) == 0


async def test_a_request_that_kills_leaves_the_others_answered(
    clis: Clis, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """A query is a text like any other: who asked it gets no answer, and everybody else does."""
    scope = scope_of(tenant)
    async with (
        await Orchestrator.connect(redis_url) as orchestrator,
        supervised(clis, Group.RECALL, 1) as running,
    ):
        killing = asyncio.create_task(orchestrator.recall(scope, f"What is {EXIT_MARKER}?", deadline=60))
        others = [asyncio.create_task(orchestrator.recall(scope, f"Query {i}", deadline=60)) for i in range(8)]

        async def answered() -> bool:
            return all(task.done() for task in others) and bool(await dead(redis, Group.RECALL))

        await running.until(answered, what="the others to be answered, and the killer to be buried")
        for context in await asyncio.gather(*others):
            assert context.missing == ()
        assert list((await dead(redis, Group.RECALL)).values()) == [_REASON]
        assert not killing.done()
        killing.cancel()
        with pytest.raises((asyncio.CancelledError, RecallTimeout)):
            await killing
    assert running.deaths <= _AMONG_OTHERS + _ALONE
    assert await pending(redis, Group.RECALL) == 0
