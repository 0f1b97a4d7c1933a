"""Relations through the public client: added, removed, and walked within bounds and scope."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from uuid import UUID, uuid4

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, MemoryNotFound, TransitionRefused
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import Action, Direction, Memory, MemoryScope, RelationType, Status
from eunoe_tests.curation import curating, memory_scope, remembered

SUPPORTS, CAUSES = RelationType.SUPPORTS, RelationType.CAUSES


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def chain(curator: Curator, scope: MemoryScope, length: int) -> list[Memory]:
    """Remember so many memories, each of which supports the next."""
    memories = [await remembered(curator, scope, f"word{number} alone") for number in range(length)]
    for one, other in pairwise(memories):
        assert await curator.relations.relate(scope, one.id, SUPPORTS, other.id)
    return memories


async def test_a_relation_is_added_once_and_removed_once(curator: Curator, tenant: UUID) -> None:
    """Repeating it changes nothing, types are independent, and both memories record when it changed."""
    scope = memory_scope(tenant)
    one, other = await chain(curator, scope, 2)
    assert not await curator.relations.relate(scope, one.id, SUPPORTS, other.id)
    assert await curator.relations.relate(scope, one.id, CAUSES, other.id)
    walked = await curator.relations.walk(scope, one.id)
    assert [(relation.type, relation.from_id) for relation in walked.relations] == [
        (CAUSES, one.id),
        (SUPPORTS, one.id),
    ]
    after = await curator.get(scope, other.id)
    assert (after.version, after.updated_at > other.updated_at) == (1, True)
    assert await curator.relations.unrelate(scope, one.id, SUPPORTS, other.id)
    assert not await curator.relations.unrelate(scope, one.id, SUPPORTS, other.id)
    assert not await curator.relations.unrelate(scope, other.id, CAUSES, one.id)
    assert [found.memory.id for found in (await curator.relations.walk(scope, one.id)).reached] == [other.id]


async def test_a_walk_keeps_to_its_depth_direction_and_types(curator: Curator, tenant: UUID) -> None:
    """Depths are those of the shortest way."""
    scope = memory_scope(tenant)
    memories = await chain(curator, scope, 5)
    ids = [memory.id for memory in memories]

    async def walk(
        begin: int, depth: int = 1, direction: Direction = Direction.BOTH, types: Sequence[RelationType] = ()
    ) -> list[tuple[int, int]]:
        walked = await curator.relations.walk(scope, ids[begin], depth=depth, direction=direction, types=types)
        assert walked.complete
        return [(ids.index(found.memory.id), found.depth) for found in walked.reached]

    assert await walk(0) == [(1, 1)]
    assert await walk(0, depth=3) == [(1, 1), (2, 2), (3, 3)]
    assert sorted(await walk(2, depth=2)) == [(0, 2), (1, 1), (3, 1), (4, 2)]
    assert await walk(2, depth=10, direction=Direction.OUT) == [(3, 1), (4, 2)]
    assert await walk(2, depth=10, direction=Direction.IN) == [(1, 1), (0, 2)]
    await curator.relations.relate(scope, ids[0], CAUSES, ids[4])
    assert await walk(0, depth=10, types=[CAUSES]) == [(4, 1)]
    assert sorted(await walk(0, depth=10)) == [(1, 1), (2, 2), (3, 2), (4, 1)]


async def test_a_walk_survives_cycles_and_keeps_its_limit(curator: Curator, tenant: UUID) -> None:
    """Each memory comes once, and the result says when the limit left something out."""
    scope = memory_scope(tenant)
    memories = [await remembered(curator, scope, f"word{number} alone") for number in range(5)]
    ids = [memory.id for memory in memories]
    for one in ids:
        for other in ids:
            if one != other:
                await curator.relations.relate(scope, one, SUPPORTS, other)
    walked = await curator.relations.walk(scope, ids[0], depth=10)
    assert {found.memory.id for found in walked.reached} == set(ids[1:])
    assert [found.depth for found in walked.reached] == [1] * 4
    assert len(walked.relations) == 20
    assert walked.complete
    far = await remembered(curator, scope, "far away")
    await curator.relations.relate(scope, ids[4], SUPPORTS, far.id)
    bounded = await curator.relations.walk(scope, ids[0], depth=10, limit=4)
    assert {found.memory.id for found in bounded.reached} == set(ids[1:])  # the nearest ones
    assert not bounded.complete
    whole = await curator.relations.walk(scope, ids[0], depth=10, limit=5)
    assert (whole.reached[-1].memory.id, whole.reached[-1].depth, whole.complete) == (far.id, 2, True)
    # There are 4^n paths of n relations. A walk that visited every path would never end.
    tail = [far, *[await remembered(curator, scope, f"tail{number} alone") for number in range(6)]]
    for one, other in pairwise(tail):
        await curator.relations.relate(scope, one.id, SUPPORTS, other.id)
    ended = await curator.relations.walk(scope, ids[0], depth=10)
    assert (ended.reached[-1].memory.id, ended.reached[-1].depth, ended.complete) == (tail[-1].id, 8, True)


async def test_a_walk_passes_visible_memories_only(curator: Curator, tenant: UUID) -> None:
    """Forgotten memories, other statuses and other scopes are neither shown nor passed through."""
    ada, ada_everywhere, eve = memory_scope(tenant), memory_scope(tenant, agent=None), memory_scope(tenant, "eve")
    one, bridge, end = await chain(curator, ada, 3)
    wide = await remembered(curator, ada_everywhere, "of hers with every agent")
    await curator.relations.relate(ada, one.id, SUPPORTS, wide.id)
    assert {found.memory.id for found in (await curator.relations.walk(ada, one.id, depth=5)).reached} == {
        bridge.id,
        end.id,
        wide.id,
    }
    # In the scope of the user with every agent, memories of one agent do not apply.
    assert (await curator.relations.walk(ada_everywhere, wide.id, depth=5)).reached == ()
    with pytest.raises(MemoryNotFound):
        await curator.relations.walk(eve, one.id)
    await curator.archive(ada, bridge.id)
    assert [found.memory.id for found in (await curator.relations.walk(ada, one.id, depth=5)).reached] == [wide.id]
    every = await curator.relations.walk(ada, one.id, depth=5, statuses=())
    assert {found.memory.status for found in every.reached} == {Status.ACTIVE, Status.ARCHIVED}
    await curator.forget(ada, bridge.id)
    gone = await curator.relations.walk(ada, one.id, depth=5, statuses=())
    assert [found.memory.id for found in gone.reached] == [wide.id]
    with pytest.raises(MemoryNotFound):
        await curator.relations.walk(ada, bridge.id)


async def test_an_impossible_relation_is_refused(curator: Curator, tenant: UUID) -> None:
    """A memory cannot be related to itself, a missing or a forgotten one; purging removes relations."""
    scope = memory_scope(tenant)
    one, other = await chain(curator, scope, 2)
    with pytest.raises(InvalidEvent, match="not related to itself"):
        await curator.relations.relate(scope, one.id, SUPPORTS, one.id)
    with pytest.raises(MemoryNotFound):
        await curator.relations.relate(scope, one.id, SUPPORTS, uuid4())
    await curator.forget(scope, other.id)
    with pytest.raises(TransitionRefused) as refused:
        await curator.relations.relate(scope, one.id, CAUSES, other.id)
    assert refused.value.problem.allowed == (Action.RESTORE, Action.PURGE)
    await curator.purge(scope, other.id)
    assert (await curator.relations.walk(scope, one.id, statuses=())).relations == ()


@pytest.mark.parametrize(("depth", "limit"), [(0, 1), (11, 1), (1, 0), (1, 201)])
async def test_a_walk_keeps_the_bounds_of_the_contract(curator: Curator, tenant: UUID, depth: int, limit: int) -> None:
    """The client refuses a depth or a limit beyond them."""
    with pytest.raises(InvalidEvent):
        await curator.relations.walk(memory_scope(tenant), uuid4(), depth=depth, limit=limit)
