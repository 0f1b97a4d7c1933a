"""Consolidation and the search of an administrator, through the public client."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from eunoe_consumers.memories.administration import TenantSearchQueries
from eunoe_consumers.postgres.database import SchemaQueries
from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import NewMemory, Status, Tier
from eunoe_tests.curation import add_memory, age_memory, curating, memory_scope, remembered

pytestmark = pytest.mark.slow

OLD = timedelta(days=8)


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def test_old_related_memories_are_offered_and_merged(curator: Curator, tenant: UUID, database_url: str) -> None:
    """A group is near, old and of one owner and tier, the oldest first; the caller's summary replaces it."""
    scope = memory_scope(tenant)
    near = [await remembered(curator, scope, f"Ada drinks green tea every {day}") for day in ("monday", "tuesday")]
    far = await remembered(curator, scope, "the bicycle stands outside")
    young = await remembered(curator, scope, "Ada drinks green tea every wednesday")
    task = await remembered(curator, scope, "Ada drinks green tea every thursday", tier=Tier.TASK)
    wider = await remembered(curator, memory_scope(tenant, agent=None), "Ada drinks green tea every friday")
    for days, memory in enumerate((near[1], near[0], far, task, wider)):
        await age_memory(database_url, memory.id, OLD + timedelta(days=5 - days))
    (group,) = await curator.consolidation.groups(scope, min_cosine=0.7)
    assert [memory.id for memory in group.memories] == [near[1].id, near[0].id]
    assert 0.7 <= group.min_cosine <= 1
    assert young.id not in {memory.id for memory in group.memories}
    assert len((await curator.consolidation.groups(scope, min_cosine=0.7, older_than_days=0))[0].memories) == 3
    assert await curator.consolidation.groups(scope, min_cosine=0.7, tiers=[Tier.PROJECT]) == ()

    summary = await curator.consolidation.consolidate(
        scope, [memory.id for memory in group.memories], NewMemory(content="Ada drinks green tea daily.")
    )
    for memory in group.memories:
        after = await curator.get(scope, memory.id)
        assert (after.status, after.merged_into) == (Status.MERGED, summary.id)
    assert await curator.consolidation.groups(scope, min_cosine=0.7) == ()


async def test_an_administrator_finds_memories_of_any_scope(
    curator: Curator, tenant: UUID, other_tenant: UUID, database_url: str
) -> None:
    """By words and by meaning, of every owner and status, expired ones included, within the tenant."""
    await remembered(curator, memory_scope(other_tenant), "Green TEA")
    hers = await remembered(curator, memory_scope(tenant), "Green TEA")
    agents = await remembered(curator, memory_scope(tenant, user=None), "tea, and green")
    lapsed = await remembered(curator, memory_scope(tenant, "grace"), "green tea", tier=Tier.TASK)
    await age_memory(database_url, lapsed.id, timedelta(days=99))
    archived = await curator.archive(
        memory_scope(tenant, "grace"), (await remembered(curator, memory_scope(tenant, "grace"), "100% green_tea")).id
    )
    forgotten = await remembered(curator, memory_scope(tenant), "forgotten green tea")
    await curator.forget(memory_scope(tenant), forgotten.id)

    search = curator.administration.search
    assert {one.memory.id for one in (await search(tenant, words="green tea")).found} == {
        hers.id,
        agents.id,
        lapsed.id,
        archived.id,
    }
    (near, *_) = (await search(tenant, "green tea")).found
    assert near.memory.content.casefold() == "green tea"
    assert near.distance == pytest.approx(0, abs=1e-3)
    assert len((await search(tenant, "green tea")).found) == 4
    assert len((await search(tenant, "green tea", limit=1)).found) == 1
    assert [one.memory.id for one in (await search(tenant, words="0% n_t")).found] == [archived.id]
    assert (await search(tenant, words="g%n")).found == ()
    (one,) = (await search(tenant, words="tea", statuses=[Status.ARCHIVED])).found
    assert one.memory.id == archived.id
    (one,) = (await search(tenant, words="tea", forgotten=True)).found
    assert one.memory.id == forgotten.id


async def test_an_administrator_pages_through_words(curator: Curator, tenant: UUID) -> None:
    """Each memory comes once, the newest first."""
    made = [await remembered(curator, memory_scope(tenant, f"user {number}"), "tea") for number in range(5)]
    cursor, seen = None, list[UUID]()
    while True:
        page = await curator.administration.search(tenant, words="tea", limit=2, cursor=cursor)
        seen += [one.memory.id for one in page.found]
        if (cursor := page.cursor) is None:
            break
    assert seen == [memory.id for memory in reversed(made)]


async def test_an_administrator_gives_words_or_a_query(curator: Curator, tenant: UUID) -> None:
    """Neither, both, or an invalid cursor is refused with what to do."""
    with pytest.raises(InvalidEvent, match="give either words"):
        await curator.administration.search(tenant)
    with pytest.raises(InvalidEvent, match="give either words"):
        await curator.administration.search(tenant, "a", words="b")
    with pytest.raises(InvalidEvent, match="words: holds nothing but white space"):
        await curator.administration.search(tenant, words=" \t")
    with pytest.raises(InvalidEvent, match="cursor is for a search by words"):
        await curator.administration.search(tenant, "a", cursor="x")
    with pytest.raises(CurationRefused, match="is not the cursor of a page"):
        await curator.administration.search(tenant, words="a", cursor="x")


async def test_the_index_serves_an_administrator_past_other_tenants(
    database_url: str, tenant: UUID, other_tenant: UUID
) -> None:
    """The curator's plan uses the HNSW index, and the search goes on if nearer rows belong to another tenant."""
    connection = await asyncpg.connect(database_url)
    try:
        await register_vector(connection)
        generator = np.random.default_rng(7)
        for owner, count, spread in ((other_tenant, 300, 0.1), (tenant, 300, 1.0)):
            await connection.execute("INSERT INTO users VALUES ($1, 'ada')", owner)
            for number in range(count):
                vector = np.ones(384) + spread * generator.standard_normal(384)
                await add_memory(
                    connection,
                    owner,
                    content=str(number),
                    embedding=HalfVector(vector.astype(np.float32)),
                    embedding_model="m",
                )
        async with connection.transaction():
            await connection.execute(SchemaQueries.take_role, "eunoe_curator", str(tenant), "")
            await connection.execute("SET LOCAL enable_sort = off")  # 600 rows are too few to make it the cheaper way
            await connection.execute(TenantSearchQueries.widen_index_search.sql)
            nearest = TenantSearchQueries.nearest_of_tenant
            vector = HalfVector(np.ones(384, dtype=np.float32))
            given = {"tenant_id": tenant, "statuses": list[str](), "forgotten": False, "vector": vector, "limit": 100}
            arguments = nearest.arguments(given, {})
            plan = await connection.fetch(f"EXPLAIN {nearest.sql}", *arguments)
            assert "memories_by_embedding" in " ".join(row[0] for row in plan)
            assert len(await connection.fetch(nearest.sql, *arguments)) == 100
    finally:
        await connection.close()
