"""Uses of memories are counted after the reply, through the stream, once, and without a new version."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.memories.usage import UsageQueries
from eunoe_consumers.settings import Settings
from eunoe_producers import Curator
from eunoe_schema.memory import Memory, MemoryScope
from eunoe_schema.memory.base import decode_request
from eunoe_schema.memory.usage import RetrievedRequest
from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.curation import age_memory, curating, memory_scope, remembered
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def listed(curator: Curator, redis: Redis, scope: MemoryScope) -> dict[UUID, Memory]:
    """Return the memories of a scope once the stream is done; listing does not count as a use."""
    await wait_until(lambda: consumed(redis, Group.CURATE))
    return {memory.id: memory for memory in (await curator.list(scope)).memories}


async def test_retrievals_are_counted(curator: Curator, redis: Redis, tenant: UUID) -> None:
    """Get and search count each time, listing does not; version and `updated_at` stay."""
    scope = memory_scope(tenant)
    found = await remembered(curator, scope, "tea")
    other = await remembered(curator, scope, "a bicycle")
    await curator.list(scope)
    assert (found.retrieval_count, found.last_retrieved_at, found.accessed_at) == (0, None, None)
    await curator.get(scope, found.id)
    await curator.search(scope, "tea", limit=1)
    await curator.search(scope, None)

    async def counted() -> dict[UUID, Memory]:
        memories = await listed(curator, redis, scope)
        return memories if memories[found.id].retrieval_count == 3 else {}

    memories = await wait_until(counted)
    assert memories[other.id].retrieval_count == 1
    after = memories[found.id]
    assert after.last_retrieved_at == after.accessed_at
    assert after.accessed_at is not None
    assert (after.version, after.updated_at, after.last_injected_at) == (found.version, found.updated_at, None)


async def test_retrievals_of_a_users_memory_are_counted_for_any_agent(
    curator: Curator, redis: Redis, tenant: UUID
) -> None:
    """A memory of the user with every agent is counted when one agent gets it."""
    hers = memory_scope(tenant, agent=None)
    memory = await remembered(curator, hers, "tea")
    await curator.search(memory_scope(tenant), "tea")

    async def counted() -> bool:
        return (await listed(curator, redis, hers))[memory.id].retrieval_count == 1

    await wait_until(counted)


async def test_a_read_does_not_wait_for_its_count(
    curator: Curator, tenant: UUID, database_url: str, redis: Redis
) -> None:
    """A search returns a locked row, and the count waits on the stream."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "tea")
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("BEGIN")
        await connection.execute("SELECT FROM memories WHERE id = $1 FOR UPDATE", memory.id)
        for _ in range(3):
            (found,) = await curator.search(scope, "tea", deadline=10)
            assert found.memory.retrieval_count == 0

        async def waiting() -> list[RetrievedRequest]:
            entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(stream(Subject.MEMORY)))
            requests = [decode_request(fields) for _, fields in entries]
            return [request for request in requests if isinstance(request, RetrievedRequest)]

        assert (await wait_until(waiting))[0].memory_ids == (memory.id,)
    finally:
        await connection.close()

    async def counted() -> bool:
        return (await listed(curator, redis, scope))[memory.id].retrieval_count == 3

    await wait_until(counted)


async def test_injections_are_recorded(curator: Curator, redis: Redis, tenant: UUID) -> None:
    """Each named memory that applies gets the time; unknown ids are skipped."""
    scope = memory_scope(tenant)
    one, two = [await remembered(curator, scope, content) for content in ("one", "two")]
    await curator.injected(scope, one.id, UUID(int=1))
    memories = await listed(curator, redis, scope)
    assert memories[one.id].last_injected_at == memories[one.id].accessed_at
    assert memories[one.id].last_injected_at is not None
    assert (memories[one.id].retrieval_count, memories[two.id].last_injected_at) == (0, None)


async def test_feedback_moves_usefulness_by_a_fifth(curator: Curator, redis: Redis, tenant: UUID) -> None:
    """From 0.5 up to 0.6, down to 0.48, and to 0.484 by half a score; a repeated request counts once."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "tea")
    assert memory.usefulness == 0.5
    expected = [(True, 0.6), (False, 0.48), (0.5, 0.484)]
    for number, (useful, usefulness) in enumerate(expected):
        for _ in range(2):
            await curator.feedback(scope, memory.id, useful, request_id=f"f{number}")
        after = (await listed(curator, redis, scope))[memory.id]
        assert after.usefulness == pytest.approx(usefulness)
        assert (after.version, after.updated_at) == (memory.version, memory.updated_at)


async def test_a_use_extends_a_task_if_the_last_use_counts(
    settings: Settings, redis: Redis, tenant: UUID, database_url: str
) -> None:
    """With that setting, an injection restarts the lifetime."""
    scope = memory_scope(tenant)
    async with curating(settings.model_copy(update={"memory_task_expires_from": "last_use"})) as curator:
        memory = await remembered(curator, scope, "tea", tier="task")
        await age_memory(database_url, memory.id, timedelta(days=29))
        await curator.injected(scope, memory.id)
        await wait_until(lambda: consumed(redis, Group.CURATE))
        lapses_at = (await curator.get(scope, memory.id)).lapses_at
        assert lapses_at is not None
        assert lapses_at - memory.created_at >= timedelta(days=30)


async def test_counting_updates_no_index(curator: Curator, tenant: UUID, database_url: str) -> None:
    """Updates of counters are heap-only (HOT): an entry in the HNSW index would be expensive."""
    scope = memory_scope(tenant)
    memories = [await remembered(curator, scope, f"memory {number}") for number in range(20)]
    count = UsageQueries.count_retrievals
    connection = await asyncpg.connect(database_url)
    try:
        for _ in range(3):
            for memory in memories:
                arguments = count.arguments({**scope.model_dump(), "memory_ids": [memory.id]}, {})
                await connection.execute(count.sql, *arguments)
        await connection.execute("SELECT pg_stat_force_next_flush()")
        hot = await connection.fetchval("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'memories'")
    finally:
        await connection.close()
    assert hot >= 50, hot  # of 60: the first in a full page moves to another one, and leaves room for the next
