"""The executor on a real database: two requests at once, and the same request twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from pydantic import JsonValue

from eunoe_consumers.embedding.coalescing import CoalescingEmbedder
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.memories.call import CurationRules
from eunoe_consumers.memories.executor import RequestExecutor
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.memory_connection import Lifetime
from eunoe_schema.memory import NewMemory, content_hash
from eunoe_schema.memory.remember import RememberRequest, RememberResult
from eunoe_schema.memory.reply import MemoryReply
from eunoe_tests.curation import Login
from eunoe_tests.waiting import wait_until

# The order in which a request locks them.
FIRST, LAST = sorted(("Ada likes tea.", "Ada likes cake."), key=content_hash)


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A superuser's connection."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def executor(database: Database) -> RequestExecutor:
    """An executor with a hash embedder."""
    rules = CurationRules(near_duplicate_cosine=0.9, session_idle_seconds=60)
    embedder = CoalescingEmbedder(HashEmbedder(384), texts_per_run=128)
    return RequestExecutor(database, embedder, Lifetime(30, from_last_use=False), rules)


async def remember(executor: RequestExecutor, tenant: UUID, *memories: NewMemory, request_id: str) -> MemoryReply:
    """Return the reply to a request that remembers contents of a user."""
    request = RememberRequest(request_id=request_id, tenant_id=tenant, user_id="ada", memories=memories)
    return await executor.execute(request, await executor.embed(request))


async def test_a_deadlock_is_retried_at_once(executor: RequestExecutor, tenant: UUID, login: Login) -> None:
    """A request that deadlocks with another one is retried in the process, without a redelivery."""
    both = [NewMemory(content=text) for text in (FIRST, LAST)]
    await remember(executor, tenant, *both, request_id="made")
    lock = "SELECT FROM memories WHERE content = $1 FOR UPDATE"
    await login.execute("SET deadlock_timeout = '1min'")  # PostgreSQL then cancels the executor and not this connection
    async with login.transaction():
        await login.execute(lock, LAST)
        confirming = asyncio.create_task(remember(executor, tenant, *both, request_id="confirmed"))
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        await wait_until(lambda: login.fetchval(waiting))
        with contextlib.suppress(asyncpg.DeadlockDetectedError):
            await login.execute(lock, FIRST)
    result = (await confirming).result
    assert isinstance(result, RememberResult)
    assert [one.created for one in result.remembered] == [False, False]
    assert [round(one.memory.confidence, 2) for one in result.remembered] == [0.82, 0.82]


async def test_a_repeated_request_may_order_its_metadata_differently(executor: RequestExecutor, tenant: UUID) -> None:
    """A caller that restarts may build the same object in another order; the request still counts as the same."""
    one: dict[str, JsonValue] = {"a": 1, "b": {"c": 2, "d": 3}}
    other: dict[str, JsonValue] = {"b": {"d": 3, "c": 2}, "a": 1}
    first = await remember(executor, tenant, NewMemory(content="x", metadata=one), request_id="r")
    assert first.result is not None
    assert await remember(executor, tenant, NewMemory(content="x", metadata=other), request_id="r") == first
