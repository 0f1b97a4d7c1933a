"""List and search through the public client: scopes, filters, pages and distances."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator, NotFound
from eunoe_schema.memory import Category, MemoryFilter, MemoryScope, NewMemory, SessionRef, Source, Status, Tier
from eunoe_tests.curation import curating, memory_scope, remembered
from eunoe_tests.events import AGENT, OTHER_AGENT

pytestmark = pytest.mark.slow


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def contents(curator: Curator, scope: MemoryScope, filter_: MemoryFilter | None = None) -> set[str]:
    """Return the contents that a list finds. Assert that search and count agree with it."""
    listed = {memory.content for memory in (await curator.list(scope, filter_)).memories}
    assert await curator.count(scope, filter_) == len(listed)
    assert {found.memory.content for found in await curator.search(scope, "anything", filter_, limit=100)} == listed
    return listed


async def test_a_scope_sees_all_memories_that_apply(curator: Curator, tenant: UUID) -> None:
    """An agent with a user sees the memories of both, of the user and of the agent; each alone sees its own."""
    shared, users, agents = memory_scope(tenant), memory_scope(tenant, agent=None), memory_scope(tenant, user=None)
    for owner, text in ((shared, "shared"), (users, "user's"), (agents, "agent's")):
        await remembered(curator, owner, text)
    await remembered(curator, memory_scope(tenant, "grace"), "of another user")
    await remembered(curator, memory_scope(tenant, agent=OTHER_AGENT), "of another agent")
    assert await contents(curator, shared) == {"shared", "user's", "agent's"}
    assert await contents(curator, users) == {"user's"}
    assert await contents(curator, agents) == {"agent's"}
    assert await contents(curator, memory_scope(tenant, agent=OTHER_AGENT)) == {"user's", "of another agent"}


async def test_each_filter_excludes_other_memories(curator: Curator, tenant: UUID) -> None:
    """Tier, category, status, source, tags, contained metadata, session and times."""
    scope = memory_scope(tenant)
    session = SessionRef(agent_id=AGENT, user_id="ada", session_id="s1")
    await remembered(curator, scope, "plain")
    await remembered(curator, scope, "tier", tier=Tier.TASK)
    await remembered(curator, scope, "category", category=Category.PROCEDURAL)
    await remembered(curator, scope, "source", source=Source.INFERRED)
    await remembered(curator, scope, "two tags", tags=("a", "b"))
    await remembered(curator, scope, "one tag", tags=("a",))
    await remembered(curator, scope, "fear", metadata={"stressor": True, "emotion": "fear", "more": [1]})
    await remembered(curator, scope, "joy", metadata={"stressor": False, "emotion": "joy"})
    await remembered(curator, scope, "session", session=session)
    await remembered(curator, scope, "pending", review=True)
    assert await contents(curator, scope, MemoryFilter(tiers=(Tier.TASK,))) == {"tier"}
    assert await contents(curator, scope, MemoryFilter(categories=(Category.PROCEDURAL,))) == {"category"}
    assert await contents(curator, scope, MemoryFilter(sources=(Source.INFERRED,))) == {"source"}
    assert await contents(curator, scope, MemoryFilter(tags=("a",))) == {"two tags", "one tag"}
    assert await contents(curator, scope, MemoryFilter(tags=("a", "b"))) == {"two tags"}
    assert await contents(curator, scope, MemoryFilter(metadata={"stressor": True, "emotion": "fear"})) == {"fear"}
    assert await contents(curator, scope, MemoryFilter(session=session)) == {"session"}
    assert await contents(curator, scope, MemoryFilter(statuses=(Status.PENDING_REVIEW,))) == {"pending"}
    assert len(await contents(curator, scope, MemoryFilter(statuses=()))) == 10
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    assert await contents(curator, scope, MemoryFilter(created_from=now + hour)) == set()
    assert len(await contents(curator, scope, MemoryFilter(created_from=now - hour, created_until=now + hour))) == 9
    assert await contents(curator, scope, MemoryFilter(created_until=now - hour)) == set()
    assert await contents(curator, scope, MemoryFilter(updated_from=now + hour)) == set()
    assert await contents(curator, scope, MemoryFilter(updated_until=now - hour)) == set()


async def test_a_collection_is_a_filter(curator: Curator, tenant: UUID, database_url: str) -> None:
    """Only members of the collection pass. A missing collection is not found, instead of an empty result."""
    scope, collection = memory_scope(tenant), UUID(int=7)
    member = await remembered(curator, scope, "member")
    await remembered(curator, scope, "other")
    with pytest.raises(NotFound, match=f"there is no collection {collection} that applies to this scope"):
        await contents(curator, scope, MemoryFilter(collection_id=collection))
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO collections (tenant_id, id, user_id, type, name) VALUES ($1, $2, 'ada', 'album', 'x')",
            tenant,
            collection,
        )
        await connection.execute(
            "INSERT INTO collection_members (tenant_id, collection_id, memory_id) VALUES ($1, $2, $3)",
            tenant,
            collection,
            member.id,
        )
    finally:
        await connection.close()
    assert await contents(curator, scope, MemoryFilter(collection_id=collection)) == {"member"}


async def test_pages_return_each_memory_once(curator: Curator, tenant: UUID) -> None:
    """Newest first, also for memories of one transaction, which have the same time."""
    scope = memory_scope(tenant)
    for batch in range(5):
        await curator.remember(scope, *(NewMemory(content=f"batch {batch} fact {i}") for i in range(5)))
    seen: list[UUID] = []
    times: list[datetime] = []
    cursor = None
    for _ in range(4):
        page = await curator.list(scope, limit=7, cursor=cursor)
        seen += [memory.id for memory in page.memories]
        times += [memory.created_at for memory in page.memories]
        cursor = page.cursor
    assert cursor is None
    assert len(set(seen)) == len(seen) == 25
    assert times == sorted(times, reverse=True)
    assert [memory.id async for memory in curator.list_all(scope)] == seen


@pytest.mark.parametrize("cursor", ["nonsense", "MjAyNg==", "MjAyNi0wMS0wMSA0", "ä"])
async def test_an_invalid_cursor_is_refused(curator: Curator, tenant: UUID, cursor: str) -> None:
    """The caller gets the reason, and no entry is dead-lettered."""
    with pytest.raises(CurationRefused, match="cursor"):
        await curator.list(memory_scope(tenant), cursor=cursor)


async def test_search_is_ordered_by_distance(curator: Curator, tenant: UUID) -> None:
    """The nearest first with cosine distances, within `min_cosine` and `limit`; the newest without a query."""
    scope = memory_scope(tenant)
    for text in ("green tea with honey", "green tea", "coffee"):
        await remembered(curator, scope, text)
    found = await curator.search(scope, "green tea")
    assert [one.memory.content for one in found] == ["green tea", "green tea with honey", "coffee"]
    distances = [one.distance for one in found]
    assert all(distance is not None for distance in distances)
    assert distances == sorted(distances, key=lambda distance: distance or 0.0)
    assert distances[0] == pytest.approx(0.0, abs=1e-3)
    assert [one.memory.content for one in await curator.search(scope, "green tea", min_cosine=0.99)] == ["green tea"]
    assert len(await curator.search(scope, "green tea", limit=1)) == 1
    newest = await curator.search(scope, limit=2)
    assert [(one.memory.content, one.distance) for one in newest] == [("coffee", None), ("green tea", None)]
