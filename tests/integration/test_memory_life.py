"""How memories expire, where an expired memory is hidden, and how it is restored."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, MemoryNotFound, TransitionRefused
from eunoe_schema.memory import MemoryFilter, NewMemory, Status, Tier
from eunoe_tests.curation import age_memory, curating, memory_scope, remembered

pytestmark = pytest.mark.slow

LONG_AGO = timedelta(days=31)
EVERYTHING = MemoryFilter(statuses=())


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


@pytest.mark.parametrize(("tier", "lives"), [(Tier.TASK, False), (Tier.PROJECT, True), (Tier.PERSONAL, True)])
async def test_the_tier_decides_the_lifetime(
    curator: Curator, tenant: UUID, database_url: str, tier: Tier, *, lives: bool
) -> None:
    """After 31 days no reader finds a task memory, whether or not a janitor ran; other tiers stay."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "hello", tier=tier)
    assert memory.lapses_at == (memory.created_at + timedelta(days=30) if tier is Tier.TASK else None)
    await age_memory(database_url, memory.id, timedelta(days=29))
    assert (await curator.get(scope, memory.id)).status is Status.ACTIVE
    await age_memory(database_url, memory.id, LONG_AGO)
    assert len((await curator.list(scope, EVERYTHING)).memories) == lives
    assert len(await curator.search(scope, "hello", EVERYTHING)) == lives
    assert len(await curator.search(scope, None, EVERYTHING)) == lives
    if lives:
        assert (await curator.get(scope, memory.id)).id == memory.id
    else:
        with pytest.raises(MemoryNotFound):
            await curator.get(scope, memory.id)


@pytest.mark.parametrize("tier", Tier)
async def test_an_explicit_end_wins(curator: Curator, tenant: UUID, database_url: str, tier: Tier) -> None:
    """It ends a memory of any tier or extends a task; removing it makes the tier decide again."""
    scope, now = memory_scope(tenant), datetime.now(UTC)
    past = await remembered(curator, scope, "past", tier=tier, expires_at=now - timedelta(hours=1))
    future = await remembered(curator, scope, "future", tier=tier, expires_at=now + timedelta(days=365))
    await age_memory(database_url, future.id, LONG_AGO)
    assert [memory.id for memory in (await curator.list(scope, EVERYTHING)).memories] == [future.id]
    assert past.lapses_at == past.expires_at
    revised = await curator.revise(scope, future.id, never_expires=True)
    assert revised.expires_at is None
    assert (await curator.list(scope, EVERYTHING)).memories == (() if tier is Tier.TASK else (revised,))


async def test_the_lifetime_of_tasks_is_a_setting(settings: Settings, tenant: UUID, database_url: str) -> None:
    """Two days from the last use: an old memory that was used yesterday stays, one used three days ago expires."""
    changed = settings.model_copy(update={"memory_task_days": 2, "memory_task_expires_from": "last_use"})
    scope = memory_scope(tenant)
    async with curating(changed) as curator:
        used = await remembered(curator, scope, "used", tier=Tier.TASK)
        unused = await remembered(curator, scope, "unused", tier=Tier.TASK)
        await age_memory(database_url, used.id, LONG_AGO, accessed=timedelta(days=1))
        await age_memory(database_url, unused.id, LONG_AGO, accessed=timedelta(days=3))
        assert [memory.id for memory in (await curator.list(scope, EVERYTHING)).memories] == [used.id]


async def test_an_expired_memory_counts_as_archived(curator: Curator, tenant: UUID, database_url: str) -> None:
    """It cannot be revised, and restoring gives it another 30 days, before and after a janitor ran."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "hello", tier=Tier.TASK)
    await age_memory(database_url, memory.id, LONG_AGO)
    with pytest.raises(TransitionRefused, match="is archived"):
        await curator.revise(scope, memory.id, confidence=1.0)
    restored = await curator.restore(scope, memory.id)
    assert restored.status is Status.ACTIVE
    assert restored.lapses_at is not None
    assert restored.lapses_at - datetime.now(UTC) > timedelta(days=29)
    assert [found.id for found in (await curator.list(scope)).memories] == [memory.id]


async def test_the_content_of_an_expired_memory_can_be_remembered_again(
    curator: Curator, tenant: UUID, database_url: str
) -> None:
    """A new memory is created; the expired one is archived and not reported as a near duplicate."""
    scope = memory_scope(tenant)
    old = await remembered(curator, scope, "hello", tier=Tier.TASK)
    await age_memory(database_url, old.id, LONG_AGO)
    (new,) = await curator.remember(scope, NewMemory(content="hello"))
    assert new.created
    assert new.id != old.id
    assert new.candidates == ()
    assert (await curator.get(scope, old.id)).status is Status.ARCHIVED


async def test_an_expired_memory_does_not_block_its_content(curator: Curator, tenant: UUID, database_url: str) -> None:
    """Another memory may be revised to its content, or approved or restored beside it."""
    scope = memory_scope(tenant)
    archived = await curator.archive(scope, (await remembered(curator, scope, "restored")).id)
    pending = await remembered(curator, scope, "approved", review=True)
    other = await remembered(curator, scope, "something else")
    for content in ("revised", "approved", "restored"):
        lapsed = await remembered(curator, scope, content, tier=Tier.TASK)
        await age_memory(database_url, lapsed.id, LONG_AGO)
    assert (await curator.revise(scope, other.id, content="revised")).content == "revised"
    assert (await curator.approve(scope, pending.id)).status is Status.ACTIVE
    assert (await curator.restore(scope, archived.id)).status is Status.ACTIVE
