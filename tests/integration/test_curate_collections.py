"""Collections through the public client: theirs from the making to the end, and their members."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator, DuplicateName, MemoryNotFound, NotFound, VersionConflict
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import Collection, MemoryFilter, MemoryScope
from eunoe_tests.curation import curating, memory_scope, remembered


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """A client of a running consumer, the tenant being registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def members(curator: Curator, scope: MemoryScope, collection: Collection) -> set[str]:
    """Return the contents of a collection's memories."""
    page = await curator.list(scope, MemoryFilter(collection_id=collection.id))
    return {memory.content for memory in page.memories}


async def test_a_collection_from_its_making_to_its_end(curator: Curator, tenant: UUID) -> None:
    """What is made is read, changed where it is what was seen, and gone when it is deleted; its memories stay."""
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


async def test_members_come_and_go_and_are_counted(curator: Curator, tenant: UUID) -> None:
    """All or none are added, twice is once; the count is of those that apply and are not forgotten."""
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


async def test_a_name_is_taken_once_by_an_owner_and_type(curator: Curator, tenant: UUID) -> None:
    """The same name is refused for the same owner and type, on making and on changing, and free for any other."""
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


async def test_the_same_request_makes_one_collection(curator: Curator, tenant: UUID) -> None:
    """Asked again with its request id, it is answered as it was."""
    scope = memory_scope(tenant)
    made = await curator.collections.create(scope, type_="t", name="n", request_id="r1")
    assert await curator.collections.create(scope, type_="t", name="n", request_id="r1") == made


async def test_collections_are_listed_page_by_page(curator: Curator, tenant: UUID) -> None:
    """Each that applies comes once, the newest first; the scope and the type choose."""
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
    with pytest.raises(CurationRefused, match="cursor: 'x' is not one"):
        await curator.collections.list(ada, cursor="x")


async def test_a_wide_collection_shows_each_scope_its_own_members(curator: Curator, tenant: UUID) -> None:
    """A collection of an agent may hold memories of many users; each is shown, and counts, what applies to them."""
    wide, ada, eve = memory_scope(tenant, None), memory_scope(tenant), memory_scope(tenant, "eve")
    collection = await curator.collections.create(wide, type_="t", name="n")
    for scope, text in ((wide, "everyone's"), (ada, "Ada's"), (eve, "Eve's")):
        memory = await remembered(curator, scope, text)
        await curator.collections.add(scope, collection.id, memory.id)
    assert await members(curator, ada, collection) == {"everyone's", "Ada's"}
    assert (await curator.collections.get(eve, collection.id)).members == 2
    assert (await curator.collections.get(wide, collection.id)).members == 1


async def test_a_filter_by_a_collection_of_somebody_else_finds_no_collection(curator: Curator, tenant: UUID) -> None:
    """Nobody learns which of the memories that both see another user has put into hers; nor that she has one."""
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


async def test_the_bounds_of_a_collection_are_the_contract_s(curator: Curator, tenant: UUID) -> None:
    """A type has at most 50 characters, a name at most 255; the longest are taken, and an empty change is a mistake."""
    for type_, name in (("x" * 51, "n"), ("t", "x" * 256), ("", "n"), ("t", "")):
        with pytest.raises(InvalidEvent):
            await curator.collections.create(memory_scope(tenant), type_=type_, name=name)
    longest = await curator.collections.create(memory_scope(tenant), type_="ä" * 50, name="ö" * 255)
    assert (longest.type, longest.name) == ("ä" * 50, "ö" * 255)
    with pytest.raises(InvalidEvent, match="nothing to update"):
        await curator.collections.update(memory_scope(tenant), longest.id)
