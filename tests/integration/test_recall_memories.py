"""Memories and directives in the reply to a recall."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import RAISE_MARKER
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.recall.memory_search import MemoryRecall
from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, Gateway, Orchestrator
from eunoe_schema import Context, Scope
from eunoe_schema.memory import Memory, MemoryFilter, Tier
from eunoe_schema.streams import Group
from eunoe_tests.curation import age_memory, memory_scope, quick, remembered
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_DEADLINE = 20.0


@dataclass(frozen=True)
class Memories:
    """Both clients, and a conversation."""

    curator: Curator
    orchestrator: Orchestrator
    scope: Scope

    async def recall(self, query: str = "tea", *, tiers: tuple[Tier, ...] = (), memories: int | None = None) -> Context:
        """Recall memories only."""
        return await self.orchestrator.recall(
            self.scope, query, top_k=0, window=0, tiers=tiers, memories=memories, deadline=_DEADLINE
        )

    async def contents(self, query: str = "tea", *, tiers: tuple[Tier, ...] = ()) -> list[str]:
        """Return the recalled contents, in their order."""
        return [memory.content for memory in (await self.recall(query, tiers=tiers)).memories]


@pytest.fixture
async def memories(settings: Settings, redis_url: str, tenant: UUID) -> AsyncIterator[Memories]:
    """Both clients of running consumers, the tenant being registered."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(consuming(quick(settings), *Group))
        curator = await stack.enter_async_context(await Curator.connect(redis_url))
        orchestrator = await stack.enter_async_context(await Orchestrator.connect(redis_url))
        yield Memories(curator, orchestrator, scope_of(tenant))


async def test_personal_memories_always_come_and_other_tiers_on_request(memories: Memories, tenant: UUID) -> None:
    """Personal, then project, then task, in any order of the request; each with its cosine."""
    for tier in (Tier.TASK, Tier.PERSONAL, Tier.PROJECT):
        await remembered(memories.curator, memory_scope(tenant), f"tea of the {tier}", tier=tier)
    assert await memories.contents() == ["tea of the personal"]
    assert await memories.contents(tiers=(Tier.TASK,)) == ["tea of the personal", "tea of the task"]
    context = await memories.recall(tiers=(Tier.TASK, Tier.PROJECT, Tier.PERSONAL))
    assert [memory.tier for memory in context.memories] == list(Tier)
    assert all(memory.cosine is not None and 0 < memory.cosine <= 1 for memory in context.memories)


async def test_each_tier_has_its_own_limit(memories: Memories, tenant: UUID) -> None:
    """The nearest first; many personal memories take no place of the project's. 0 means none."""
    scope = memory_scope(tenant)
    for content in ("a bicycle", "tea with milk", "tea"):
        await remembered(memories.curator, scope, content)
    await remembered(memories.curator, scope, "a bicycle shed", tier=Tier.PROJECT)
    found = await memories.recall("tea", tiers=(Tier.PROJECT,), memories=2)
    assert [memory.content for memory in found.memories] == ["tea", "tea with milk", "a bicycle shed"]
    assert (await memories.recall(memories=0)).memories == ()


async def test_a_recall_returns_all_memories_that_apply(memories: Memories, tenant: UUID, other_tenant: UUID) -> None:
    """Of both, of the user and of the agent; none of another agent, user or tenant."""
    mine = [memory_scope(tenant), memory_scope(tenant, agent=None), memory_scope(tenant, user=None)]
    others = [memory_scope(tenant, user="bob"), memory_scope(tenant, agent=uuid4()), memory_scope(other_tenant)]
    for number, scope in enumerate(mine):
        await remembered(memories.curator, scope, f"tea {number}")
    for scope in others:
        await remembered(memories.curator, scope, "tea of somebody else")
    assert sorted(await memories.contents()) == ["tea 0", "tea 1", "tea 2"]


async def test_only_active_memories_are_recalled(memories: Memories, tenant: UUID, database_url: str) -> None:
    """Archived, forgotten, replaced, expired ones and those for review are not."""
    scope, curator = memory_scope(tenant), memories.curator
    stays = await remembered(curator, scope, "tea stays")
    await curator.archive(scope, (await remembered(curator, scope, "tea archived")).id)
    await curator.forget(scope, (await remembered(curator, scope, "tea forgotten")).id)
    await remembered(curator, scope, "tea for review", review=True)
    old = await remembered(curator, scope, "tea of old", tier=Tier.TASK)
    await age_memory(database_url, old.id, timedelta(days=31))
    assert [memory.id for memory in (await memories.recall(tiers=(Tier.TASK,))).memories] == [stays.id]


async def test_directives_come_in_their_order(memories: Memories, tenant: UUID) -> None:
    """The agent's directives for every user and for this one, without those for another user."""
    everyone, ada, bob = memory_scope(tenant, user=None), memory_scope(tenant), memory_scope(tenant, user="bob")
    await memories.curator.directives.set(everyone, "tone", "Be brief.")
    await memories.curator.directives.set(ada, "name", "Call her Ada.")
    await memories.curator.directives.set(bob, "name", "Call him Bob.")
    context = await memories.recall()
    assert [directive.content for directive in context.directives] == ["Be brief.", "Call her Ada."]
    assert context.missing == ()


async def test_recalled_memories_are_counted_afterwards(memories: Memories, tenant: UUID, redis: Redis) -> None:
    """Each recall counts once for each returned memory, through the stream; versions stay."""
    scope = memory_scope(tenant)
    memory = await remembered(memories.curator, scope, "tea")
    for _ in range(2):
        await memories.recall()

    async def counted() -> Memory | None:
        await wait_until(lambda: consumed(redis, Group.CURATE))
        (listed,) = (await memories.curator.list(scope, MemoryFilter())).memories
        return listed if listed.retrieval_count == 2 else None

    after = await wait_until(counted)
    assert after is not None
    assert after.last_retrieved_at == after.accessed_at
    assert after.version == memory.version


async def test_a_query_without_an_embedding_gets_the_newest_memories(memories: Memories, tenant: UUID) -> None:
    """Personal memories are needed even when the model fails for the query."""
    for content in ("older tea", "newer tea"):
        await remembered(memories.curator, memory_scope(tenant), content)
    found = (await memories.recall(f"tea {RAISE_MARKER}")).memories
    assert [(memory.content, memory.cosine) for memory in found] == [("newer tea", None), ("older tea", None)]


async def test_missing_memories_are_named_and_the_turns_are_returned(
    memories: Memories, monkeypatch: pytest.MonkeyPatch, redis: Redis, redis_url: str
) -> None:
    """A recall without them is partial, and says so."""

    async def fails(*_: object) -> None:
        raise StoreUnavailable("PostgreSQL is away")

    async with await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(memories.scope, "e1", "tea"))
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    monkeypatch.setattr(MemoryRecall, "find", fails)
    context = await memories.orchestrator.recall(memories.scope, "tea", window=0, deadline=_DEADLINE)
    assert [turn.event_id for turn in context.turns] == ["e1"]
    assert [(part.part, part.reason) for part in context.missing] == [("memories", "PostgreSQL is away")]
