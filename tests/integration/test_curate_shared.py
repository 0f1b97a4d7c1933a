"""What belongs to an agent with every user is read in each user's scope, and changed in none of them.

A user who talks an agent into it must not be able to rewrite, or wipe out, what it remembers for everybody.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from uuid import UUID

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, SharedByUsers
from eunoe_schema.memory import Memory, MemoryScope, NewMemory, RelationType, Status
from eunoe_tests.curation import curating, memory_scope, remembered

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
    """A client of a running consumer, the tenant being registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


@pytest.mark.parametrize("kind", CHANGES)
async def test_what_every_user_has_is_changed_in_no_users_scope(curator: Curator, tenant: UUID, kind: str) -> None:
    """Refused with what to do instead, and nothing is changed; in the scope of the agent alone it is done."""
    agents, ada = memory_scope(tenant, user=None), memory_scope(tenant)
    shared, other = [await remembered(curator, agents, text, tags=("t",)) for text in ("One rule.", "Another rule.")]
    await curator.relations.relate(agents, shared.id, RelationType.SUPPORTS, other.id)
    before = await curator.history(agents, shared.id)
    with pytest.raises(SharedByUsers, match=f"memory {shared.id} is the agent's with every user.*without user_id"):
        await CHANGES[kind](curator, ada, shared, other)
    after = await curator.history(agents, shared.id)
    assert after.versions == before.versions
    assert (after.memory.status, after.memory.tags, after.memory.updated_at) == (
        Status.ACTIVE,
        ("t",),
        before.memory.updated_at,
    )
    await CHANGES[kind](curator, agents, shared, other)


async def test_a_user_reads_relates_and_rates_what_every_user_has(curator: Curator, tenant: UUID) -> None:
    """A relation between one's own memory and a shared one is one's own; so is what a user has with every agent."""
    agents, ada, hers = memory_scope(tenant, user=None), memory_scope(tenant), memory_scope(tenant, agent=None)
    shared, mine = await remembered(curator, agents, "A rule."), await remembered(curator, hers, "Mine.")
    assert (await curator.get(ada, shared.id)).content == "A rule."
    await curator.relations.relate(ada, mine.id, RelationType.CONTRADICTS, shared.id)
    (related,) = (await curator.relations.walk(ada, mine.id)).reached
    assert related.memory.id == shared.id
    await curator.feedback(ada, shared.id, useful=True)
    assert (await curator.revise(ada, mine.id, content="Mine, revised.")).version == 2


async def test_a_collection_that_every_user_has_is_changed_in_no_users_scope(curator: Curator, tenant: UUID) -> None:
    """A user's scope puts its own memories into it and takes them out; its words and shared members stay."""
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


async def test_what_every_user_has_is_not_offered_for_consolidation_to_one(curator: Curator, tenant: UUID) -> None:
    """It could not be merged there; in the scope of the agent alone it is offered."""
    agents, ada = memory_scope(tenant, user=None), memory_scope(tenant)
    for content in ("Tea is served at four.", "Tea is served at four o'clock."):
        await remembered(curator, agents, content)
    assert await curator.consolidation.groups(ada, older_than_days=0, min_cosine=0.3) == ()
    assert len(await curator.consolidation.groups(agents, older_than_days=0, min_cosine=0.3)) == 1
