"""Curators are killed with requests in flight: each request is done exactly once, and its caller gets one reply."""

import asyncio
from uuid import UUID

from redis.asyncio import Redis

from eunoe_producers import CurationTimeout, Curator
from eunoe_schema.memory import MemoryScope, NewMemory
from eunoe_schema.streams import Group
from eunoe_tests.curation import memory_scope
from eunoe_tests.processes import Cli, Clis
from eunoe_tests.stores import consumed, dead, pending
from eunoe_tests.waiting import wait_until

_CALLERS, _MEMORIES = 4, 12
_KILLS, _HIT = 12, 3
_PATIENCE_SECONDS = 0.3  # shorter than the claim time, so that requests in flight are sent again
_DOUBT, _KEPT_DOUBT = 0.2, 0.9  # 1 - confidence of a new memory; the share that a confirmation leaves


async def _work(curator: Curator, scope: MemoryScope, caller: int) -> dict[UUID, str]:
    """Remember, confirm and revise memories; repeat each request under its id until it is answered.

    Return the expected content by memory id. A request that is done twice shows in the confidence or the version.
    """
    expected: dict[UUID, str] = {}
    for number in range(_MEMORIES):
        content = f"memory {caller}-{number}"
        made = await _remember(curator, scope, content, f"{content}, made")
        assert made == await _remember(curator, scope, content, f"{content}, confirmed")
        for change in ("revised", "revised again"):
            await _revise(curator, scope, made, f"{content}, {change}")
        expected[made] = f"{content}, revised again"
    return expected


async def _remember(curator: Curator, scope: MemoryScope, content: str, request_id: str) -> UUID:
    while True:
        try:
            (one,) = await curator.remember(
                scope, NewMemory(content=content), request_id=request_id, deadline=_PATIENCE_SECONDS
            )
        except CurationTimeout:
            continue
        return one.id


async def _revise(curator: Curator, scope: MemoryScope, memory_id: UUID, content: str) -> None:
    while True:
        try:
            await curator.revise(scope, memory_id, content=content, request_id=content, deadline=_PATIENCE_SECONDS)
        except CurationTimeout:
            continue
        return


async def _kill_in_flight(redis: Redis, cli: Cli, done: asyncio.Event) -> bool:
    """Kill a consumer as soon as the group has requests in flight; return whether some stayed pending."""

    async def in_flight() -> bool:
        return done.is_set() or await pending(redis, Group.CURATE) > 0

    await wait_until(in_flight, what="requests in flight")
    cli.kill()
    return await pending(redis, Group.CURATE) > 0


async def test_kill_9_with_requests_in_flight_does_each_exactly_once(
    clis: Clis, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """After several kills there is one memory of each content, confirmed once and revised twice, and no dead letter."""
    scope, done = memory_scope(tenant), asyncio.Event()
    changes = {"embedder": "hash", "purpose": "test", "claim_after_seconds": 1.0}
    async with await Curator.connect(redis_url) as curator:
        consumers = [await clis.consume("curate", **changes) for _ in range(2)]
        callers = [asyncio.create_task(_work(curator, scope, caller)) for caller in range(_CALLERS)]
        working = asyncio.gather(*callers)
        working.add_done_callback(lambda _: done.set())
        hit = 0
        for kill in range(_KILLS):
            if done.is_set() or hit >= _HIT:
                break
            hit += await _kill_in_flight(redis, consumers[kill % 2], done)
            consumers[kill % 2] = await clis.consume("curate", **changes)
        assert hit > 0, "no kill hit a consumer with requests in flight"
        expected = {memory: content for part in await working for memory, content in part.items()}
        await wait_until(lambda: consumed(redis, Group.CURATE))
        found = {memory.id: memory async for memory in curator.list_all(scope)}
    assert await dead(redis, Group.CURATE) == {}
    assert {memory.id: memory.content for memory in found.values()} == expected
    assert len(found) == _CALLERS * _MEMORIES
    for memory in found.values():
        assert (memory.version, round(1 - memory.confidence, 6)) == (3, round(_DOUBT * _KEPT_DOUBT, 6))
