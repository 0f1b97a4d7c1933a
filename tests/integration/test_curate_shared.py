"""Shared memories are read-only in the scope of one user.

A user who persuades an agent must not be able to rewrite or delete what it remembers for everybody.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from uuid import UUID

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, SharedByUsers
from eunoe_schema.memory import Memory, MemoryScope, NewMemory, RelationType, Status
from eunoe_tests.curation import curating, memory_scope, remembered

pytestmark = pytest.mark.slow

NEW = NewMemory(content="Nothing of that is true.")
CHANGES: Mapping[str, Callable[[Curator, MemoryScope, Memory, Memory], Awaitable[object]]] = {
    "revise": lambda curator, scope, shared, _: curator.revise(scope, shared.id, content="Mine now."),
    "supersede": lambda curator, scope, shared, _: curator.supersede(scope, shared.id, NEW),
    "merge": lambda curator, scope, shared, other: curator.merge(scope, [shared.id, other.id], NEW),
    "archive": lambda curator, scope, shared, _: curator.archive(scope, shared.id),
    "forget": lambda curator, scope, shared, _: curator.forget(scope, shared.id),
    "purge": lambda curator, scope, shared, _: curator.purge(scope, shared.id),
    "tag": lambda curator, scope, shared, _: curator.tag(scope, shared.id, "mine"),
    "untag": lambda curator, scope, shared, _: curator.untag(scope, shared.id, "t"),
    "relate": lambda curator, scope, shared, other: curator.relations.relate(
        scope, shared.id, RelationType.CONTRADICTS, other.id
    ),
    "unrelate": lambda curator, scope, shared, other: curator.relations.unrelate(
        scope, shared.id, RelationType.SUPPORTS, other.id
    ),
}


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


@pytest.mark.parametrize("kind", CHANGES)
async def test_a_shared_memory_is_read_only_for_one_user(curator: Curator, tenant: UUID, kind: str) -> None:
    """The refusal says what to do instead, and nothing changes; the scope of the agent alone may change it."""
    agents, ada = memory_scope(tenant, user=None), memory_scope(tenant)
    shared, other = [await remembered(curator, agents, text, tags=("t",)) for text in ("One rule.", "Another rule.")]
    await curator.relations.relate(agents, shared.id, RelationType.SUPPORTS, other.id)
    before = await curator.history(agents, shared.id)
    with pytest.raises(SharedByUsers, match=f"memory {shared.id} is shared by all users.*without user_id"):
        await CHANGES[kind](curator, ada, shared, other)
    after = await curator.history(agents, shared.id)
    assert after.versions == before.versions
    assert (after.memory.status, after.memory.tags, after.memory.updated_at) == (
        Status.ACTIVE,
        ("t",),
        before.memory.updated_at,
    )
    await CHANGES[kind](curator, agents, shared, other)


async def test_a_user_may_read_relate_and_rate_shared_memories(curator: Curator, tenant: UUID) -> None:
    """A relation between an own and a shared memory is the user's own."""
    agents, ada, hers = memory_scope(tenant, user=None), memory_scope(tenant), memory_scope(tenant, agent=None)
    shared, mine = await remembered(curator, agents, "A rule."), await remembered(curator, hers, "Mine.")
    assert (await curator.get(ada, shared.id)).content == "A rule."
    await curator.relations.relate(ada, mine.id, RelationType.CONTRADICTS, shared.id)
    (related,) = (await curator.relations.walk(ada, mine.id)).reached
    assert related.memory.id == shared.id
    await curator.feedback(ada, shared.id, useful=True)
    assert (await curator.revise(ada, mine.id, content="Mine, revised.")).version == 2


async def test_a_shared_collection_is_read_only_for_one_user(curator: Curator, tenant: UUID) -> None:
    """A user may add and remove own memories; name, description and shared members stay."""
    agents, ada = memory_scope(tenant, user=None), memory_scope(tenant)
    shared, mine = await remembered(curator, agents, "A rule."), await remembered(curator, ada, "Mine.")
    collection = await curator.collections.create(agents, type_="t", name="n")
    await curator.collections.add(agents, collection.id, shared.id)
    assert (await curator.collections.add(ada, collection.id, mine.id)).members == 2
    for change in (
        lambda: curator.collections.update(ada, collection.id, name="mine"),
        lambda: curator.collections.delete(ada, collection.id),
        lambda: curator.collections.remove(ada, collection.id, shared.id),
        lambda: curator.collections.add(ada, collection.id, shared.id),
    ):
        with pytest.raises(SharedByUsers, match="without user_id"):
            await change()
    assert (await curator.collections.remove(ada, collection.id, mine.id)).members == 1


async def test_shared_memories_are_not_offered_to_one_user_for_consolidation(curator: Curator, tenant: UUID) -> None:
    """One user could not merge them; the scope of the agent alone gets the offer."""
    agents, ada = memory_scope(tenant, user=None), memory_scope(tenant)
    for content in ("Tea is served at four.", "Tea is served at four o'clock."):
        await remembered(curator, agents, content)
    assert await curator.consolidation.groups(ada, older_than_days=0, min_cosine=0.3) == ()
    assert len(await curator.consolidation.groups(agents, older_than_days=0, min_cosine=0.3)) == 1
