"""Directives through the public client: standing instructions for an agent, in their order."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator, NotFound, VersionConflict
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import MemoryScope
from eunoe_tests.curation import curating, memory_scope
from eunoe_tests.events import OTHER_AGENT


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def names(curator: Curator, scope: MemoryScope) -> list[str]:
    """Return the names of the directives that apply, in their order."""
    return [directive.name for directive in await curator.directives.list(scope)]


async def test_directives_keep_their_order(curator: Curator, tenant: UUID) -> None:
    """A new directive becomes the last one unless it names its place; a change without a place keeps it."""
    scope = memory_scope(tenant, None)
    first = await curator.directives.set(scope, "tone", "Be brief.")
    assert (first.ordinal, first.version, first.user_id, first.content) == (1, 1, None, "Be brief.")
    await curator.directives.set(scope, "language", "Answer in German.")
    await curator.directives.set(scope, "safety", "Never give a diagnosis.", ordinal=-5)
    assert await names(curator, scope) == ["safety", "tone", "language"]
    changed = await curator.directives.set(scope, "tone", "Be warm.", version=1)
    assert (changed.id, changed.ordinal, changed.version) == (first.id, 1, 2)
    assert [directive.content for directive in await curator.directives.list(scope)][1] == "Be warm."
    assert await names(curator, scope) == ["safety", "tone", "language"]


async def test_directives_are_put_into_another_order(curator: Curator, tenant: UUID) -> None:
    """An order names every directive of the scope once; only directives that move get a new version."""
    scope = memory_scope(tenant)
    for name in ("a", "b", "c"):
        await curator.directives.set(scope, name, name)
    ordered = await curator.directives.order(scope, ["c", "b", "a"])
    assert [(one.name, one.ordinal, one.version) for one in ordered] == [("c", 1, 2), ("b", 2, 1), ("a", 3, 2)]
    assert await names(curator, scope) == ["c", "b", "a"]
    with pytest.raises(CurationRefused, match="names: 'b' would have no place"):
        await curator.directives.order(scope, ["a", "c"])
    with pytest.raises(NotFound, match="there is no directive 'd' that applies to this scope"):
        await curator.directives.order(scope, ["a", "b", "c", "d"])
    with pytest.raises(InvalidEvent, match="names holds a name twice"):
        await curator.directives.order(scope, ["a", "a"])
    assert await names(curator, scope) == ["c", "b", "a"]


async def test_a_scope_reads_shared_directives_and_changes_its_own(curator: Curator, tenant: UUID) -> None:
    """Directives for every user apply to each user; directives for one user apply to nobody else."""
    wide, ada, eve = memory_scope(tenant, None), memory_scope(tenant), memory_scope(tenant, "eve")
    await curator.directives.set(wide, "tone", "Be brief.")
    await curator.directives.set(ada, "tone", "Be warm.")
    await curator.directives.set(ada, "pet", "Ask after the cat.")
    await curator.directives.set(memory_scope(tenant, None, OTHER_AGENT), "tone", "Be strict.")
    contents = [(one.name, one.content) for one in await curator.directives.list(ada)]
    assert contents == [("tone", "Be brief."), ("tone", "Be warm."), ("pet", "Ask after the cat.")]
    assert await names(curator, eve) == await names(curator, wide) == ["tone"]
    with pytest.raises(NotFound):
        await curator.directives.remove(eve, "tone")
    await curator.directives.remove(ada, "tone")
    assert await names(curator, ada) == ["tone", "pet"]
    assert [one.content for one in await curator.directives.list(wide)] == ["Be brief."]


async def test_an_outdated_version_is_refused(curator: Curator, tenant: UUID) -> None:
    """Setting and removing may name a version; the refusal names the present one."""
    scope = memory_scope(tenant)
    await curator.directives.set(scope, "tone", "Be brief.")
    await curator.directives.set(scope, "tone", "Be warm.")
    with pytest.raises(VersionConflict, match="directive 'tone' has version 2, not 1"):
        await curator.directives.set(scope, "tone", "Be cold.", version=1)
    with pytest.raises(VersionConflict):
        await curator.directives.remove(scope, "tone", version=1)
    with pytest.raises(NotFound):
        await curator.directives.set(scope, "absent", "x", version=1)
    await curator.directives.remove(scope, "tone", version=2)
    assert await curator.directives.list(scope) == ()


async def test_a_directive_is_set_once(curator: Curator, tenant: UUID) -> None:
    """A repeated request does not undo a later change."""
    scope = memory_scope(tenant)
    first = await curator.directives.set(scope, "tone", "Be brief.", request_id="r1")
    await curator.directives.set(scope, "tone", "Be warm.")
    assert await curator.directives.set(scope, "tone", "Be brief.", request_id="r1") == first
    assert [one.content for one in await curator.directives.list(scope)] == ["Be warm."]


async def test_a_directive_needs_an_agent(curator: Curator, tenant: UUID) -> None:
    """The client refuses a scope without an agent."""
    for asked in (curator.directives.set(memory_scope(tenant, agent=None), "a", "b"),):
        with pytest.raises(InvalidEvent, match="a directive belongs to an agent"):
            await asked
    with pytest.raises(InvalidEvent, match="a directive belongs to an agent"):
        await curator.directives.list(memory_scope(tenant, agent=None))
