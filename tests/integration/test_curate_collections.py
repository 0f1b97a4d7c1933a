"""Collections and their members through the public client."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator, DuplicateName, MemoryNotFound, NotFound, VersionConflict
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import Collection, MemoryFilter, MemoryScope
from eunoe_tests.curation import curating, memory_scope, remembered

pytestmark = pytest.mark.slow


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def members(curator: Curator, scope: MemoryScope, collection: Collection) -> set[str]:
    """Return the contents of the memories in a collection."""
    page = await curator.list(scope, MemoryFilter(collection_id=collection.id))
    return {memory.content for memory in page.memories}


async def test_a_collection_is_created_changed_and_deleted(curator: Curator, tenant: UUID) -> None:
    """A change needs the present version, and a deleted collection leaves its memories."""
    scope = memory_scope(tenant, "new user")  # known from its first collection on
    made = await curator.collections.create(scope, type_="trip", name="Rome", description="June")
    assert (made.type, made.name, made.description, made.members, made.version) == ("trip", "Rome", "June", 0, 1)
    assert (made.agent_id, made.user_id) == (scope.agent_id, "new user")
    assert await curator.collections.get(scope, made.id) == made
    memory = await remembered(curator, scope, "The hotel is near the station.")
    await curator.collections.add(scope, made.id, memory.id)
    changed = await curator.collections.update(scope, made.id, version=1, name="Roma")
    assert (changed.type, changed.name, changed.description, changed.version) == ("trip", "Roma", "June", 2)
    assert (await curator.collections.update(scope, made.id, description="")).description is None
    with pytest.raises(VersionConflict, match="has version 3, not 1") as refused:
        await curator.collections.delete(scope, made.id, version=1)
    assert refused.value.problem.version == 3
    await curator.collections.delete(scope, made.id, version=3)
    with pytest.raises(NotFound, match=f"there is no collection {made.id} that applies to this scope"):
        await curator.collections.get(scope, made.id)
    assert (await curator.get(scope, memory.id)).content == memory.content


async def test_members_are_added_removed_and_counted(curator: Curator, tenant: UUID) -> None:
    """All are added or none, each once; the count covers members that apply and are not forgotten."""
    scope = memory_scope(tenant)
    collection = await curator.collections.create(scope, type_="t", name="n")
    one, other = [await remembered(curator, scope, text) for text in ("one", "other")]
    with pytest.raises(MemoryNotFound):
        await curator.collections.add(scope, collection.id, one.id, uuid4())
    assert await members(curator, scope, collection) == set()
    assert (await curator.collections.add(scope, collection.id, one.id, other.id)).members == 2
    again = await curator.collections.add(scope, collection.id, one.id, one.id)
    assert (again.members, again.version, again.updated_at > collection.updated_at) == (2, 1, True)
    assert await members(curator, scope, collection) == {"one", "other"}
    await curator.forget(scope, other.id)
    assert (await curator.collections.get(scope, collection.id)).members == 1
    with pytest.raises(MemoryNotFound):
        await curator.collections.add(scope, collection.id, other.id)
    assert (await curator.collections.remove(scope, collection.id, one.id, uuid4())).members == 0
    await curator.restore(scope, other.id)
    assert await members(curator, scope, collection) == {"other"}


async def test_a_name_is_unique_for_an_owner_and_a_type(curator: Curator, tenant: UUID) -> None:
    """A second collection of that name is refused on creation and on change; other owners and types may use it."""
    scope = memory_scope(tenant)
    first = await curator.collections.create(scope, type_="t", name="n")
    with pytest.raises(DuplicateName, match="a collection of type 't' with the name 'n'"):
        await curator.collections.create(scope, type_="t", name="n")
    other = await curator.collections.create(scope, type_="u", name="n")
    await curator.collections.create(memory_scope(tenant, agent=None), type_="t", name="n")
    with pytest.raises(DuplicateName):
        await curator.collections.update(scope, other.id, type_="t")
    assert (await curator.collections.get(scope, other.id)).type == "u"
    await curator.collections.delete(scope, first.id)
    assert (await curator.collections.update(scope, other.id, type_="t")).version == 2


async def test_a_repeated_request_creates_one_collection(curator: Curator, tenant: UUID) -> None:
    """The same request id gets the first reply."""
    scope = memory_scope(tenant)
    made = await curator.collections.create(scope, type_="t", name="n", request_id="r1")
    assert await curator.collections.create(scope, type_="t", name="n", request_id="r1") == made


async def test_collections_are_listed_page_by_page(curator: Curator, tenant: UUID) -> None:
    """Each collection that applies comes once, the newest first, filtered by type."""
    ada, everywhere, eve = memory_scope(tenant), memory_scope(tenant, agent=None), memory_scope(tenant, "eve")
    made = [await curator.collections.create(ada, type_="t", name=f"n{number}") for number in range(5)]
    made.append(await curator.collections.create(everywhere, type_="wide", name="n"))
    await curator.collections.create(eve, type_="t", name="hers")
    newest_first = [collection.id for collection in reversed(made)]
    page = await curator.collections.list(ada, limit=4)
    assert [collection.id for collection in page.collections] == newest_first[:4]
    rest = await curator.collections.list(ada, limit=4, cursor=page.cursor)
    assert ([collection.id for collection in rest.collections], rest.cursor) == (newest_first[4:], None)
    assert [one.id async for one in curator.collections.list_all(ada)] == newest_first
    assert [one.id async for one in curator.collections.list_all(ada, type_="wide")] == newest_first[:1]
    assert [one.id async for one in curator.collections.list_all(everywhere)] == newest_first[:1]
    with pytest.raises(CurationRefused, match="cursor: 'x' is not the cursor of a page"):
        await curator.collections.list(ada, cursor="x")


async def test_a_shared_collection_shows_each_scope_its_own_members(curator: Curator, tenant: UUID) -> None:
    """A collection of an agent may hold memories of many users; each scope sees and counts those that apply."""
    wide, ada, eve = memory_scope(tenant, None), memory_scope(tenant), memory_scope(tenant, "eve")
    collection = await curator.collections.create(wide, type_="t", name="n")
    for scope, text in ((wide, "everyone's"), (ada, "Ada's"), (eve, "Eve's")):
        memory = await remembered(curator, scope, text)
        await curator.collections.add(scope, collection.id, memory.id)
    assert await members(curator, ada, collection) == {"everyone's", "Ada's"}
    assert (await curator.collections.get(eve, collection.id)).members == 2
    assert (await curator.collections.get(wide, collection.id)).members == 1


async def test_a_filter_by_another_users_collection_is_refused(curator: Curator, tenant: UUID) -> None:
    """Nobody learns which shared memories another user has collected, nor that the collection exists."""
    ada, eve = memory_scope(tenant), memory_scope(tenant, "eve")
    collection = await curator.collections.create(ada, type_="t", name="n")
    memory = await remembered(curator, memory_scope(tenant, None), "everyone's")
    await curator.collections.add(ada, collection.id, memory.id)
    theirs = MemoryFilter(collection_id=collection.id)
    for asked in (
        curator.list(eve, theirs),
        curator.search(eve, "everyone's", theirs),
        curator.search(eve, None, theirs),
    ):
        with pytest.raises(NotFound, match=f"there is no collection {collection.id} that applies to this scope"):
            await asked


async def test_a_collection_keeps_the_bounds_of_the_contract(curator: Curator, tenant: UUID) -> None:
    """A type has at most 50 characters and a name 255; an empty change is refused."""
    for type_, name in (("x" * 51, "n"), ("t", "x" * 256), ("", "n"), ("t", "")):
        with pytest.raises(InvalidEvent):
            await curator.collections.create(memory_scope(tenant), type_=type_, name=name)
    longest = await curator.collections.create(memory_scope(tenant), type_="ä" * 50, name="ö" * 255)
    assert (longest.type, longest.name) == ("ä" * 50, "ö" * 255)
    with pytest.raises(InvalidEvent, match="nothing to update"):
        await curator.collections.update(memory_scope(tenant), longest.id)
