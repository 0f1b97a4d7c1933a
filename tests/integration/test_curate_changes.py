"""Changes of memories through the public client: contents and versions, states, tags, and purging."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import (
    CurationRefused,
    Curator,
    DuplicateContent,
    MemoryNotFound,
    TransitionRefused,
    VersionConflict,
)
from eunoe_schema.memory import Action, MemoryFilter, NewMemory, Status, Tier
from eunoe_tests.curation import curating, memory_scope, remembered


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def versions(database_url: str, memory_id: UUID) -> list[tuple[int, str]]:
    """Return the kept contents of a memory, as a superuser sees them."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT version, content FROM memory_versions WHERE memory_id = $1 ORDER BY version", memory_id
        )
    finally:
        await connection.close()
    return [(row["version"], row["content"]) for row in rows]


async def test_revise_keeps_a_version_of_each_content(curator: Curator, tenant: UUID, database_url: str) -> None:
    """Only the given fields change; a changed content is kept as a version and found by search."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "Ada lives in Graz.", metadata={"a": 1}, tags=("home",))
    moved = await curator.revise(scope, memory.id, content="Ada lives in Vienna.", version=1)
    assert (moved.version, moved.content, moved.metadata, moved.tags) == (
        2,
        "Ada lives in Vienna.",
        {"a": 1},
        ("home",),
    )
    sure = await curator.revise(scope, memory.id, confidence=1.0, tier=Tier.PROJECT, metadata={})
    assert (sure.version, sure.content, sure.confidence, sure.tier) == (3, moved.content, 1.0, Tier.PROJECT)
    assert sure.metadata == {}
    assert await versions(database_url, memory.id) == [(1, "Ada lives in Graz."), (2, "Ada lives in Vienna.")]
    (found,) = await curator.search(scope, "Ada lives in Vienna.", min_cosine=0.99)
    assert found.memory.id == memory.id


async def test_an_outdated_version_is_refused(curator: Curator, tenant: UUID) -> None:
    """A change that names another version is refused with the present version, and changes nothing."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "Ada lives in Graz.")
    await curator.revise(scope, memory.id, content="Ada lives in Vienna.", version=1)
    with pytest.raises(VersionConflict, match="has version 2, not 1") as refused:
        await curator.revise(scope, memory.id, content="Ada lives in Salzburg.", version=1)
    assert refused.value.problem.version == 2
    assert (await curator.get(scope, memory.id)).content == "Ada lives in Vienna."


async def test_revising_to_a_duplicate_content_is_refused(curator: Curator, tenant: UUID) -> None:
    """An owner holds a content once; the refusal names the memory that holds it."""
    scope = memory_scope(tenant)
    first = await remembered(curator, scope, "Ada lives in Graz.")
    second = await remembered(curator, scope, "Ada lives in Salzburg.")
    with pytest.raises(DuplicateContent) as refused:
        await curator.revise(scope, second.id, content="Ada lives in Graz.")
    assert refused.value.problem.memory_id == first.id


async def test_supersede_keeps_the_chain(curator: Curator, tenant: UUID) -> None:
    """The old memory stays as history and links to its successor, which has the same owner."""
    scope = memory_scope(tenant)
    old = await remembered(curator, memory_scope(tenant, agent=None), "Ada works at Acme.")
    result = await curator.supersede(scope, old.id, NewMemory(content="Ada works at Initech."), version=1)
    assert result.created
    assert (result.memory.agent_id, result.memory.user_id) == (None, "ada")
    assert [(m.id, m.status, m.superseded_by) for m in result.replaced] == [
        (old.id, Status.SUPERSEDED, result.memory.id)
    ]
    assert [memory.id for memory in (await curator.list(scope)).memories] == [result.memory.id]
    with pytest.raises(
        TransitionRefused, match="superseded: revise is not allowed, only relate, forget, purge"
    ) as refused:
        await curator.revise(scope, old.id, content="Ada works nowhere.")
    assert refused.value.problem.allowed == (Action.RELATE, Action.FORGET, Action.PURGE)


async def test_a_merge_may_keep_the_content_of_a_merged_memory(curator: Curator, tenant: UUID) -> None:
    """Merged memories stay as history and link to their successor."""
    scope = memory_scope(tenant)
    one, two = [await remembered(curator, scope, text) for text in ("Ada likes tea.", "Ada enjoys tea.")]
    result = await curator.merge(scope, [one.id, two.id], NewMemory(content="Ada likes tea.", confidence=0.9))
    assert result.created
    assert {memory.id for memory in result.replaced} == {one.id, two.id}
    assert {(memory.status, memory.merged_into) for memory in result.replaced} == {(Status.MERGED, result.memory.id)}
    assert [memory.id for memory in (await curator.list(scope)).memories] == [result.memory.id]


async def test_a_merge_of_different_owners_is_refused(curator: Curator, tenant: UUID) -> None:
    """Memories of different owners, or an unknown one, are refused, and nothing changes."""
    scope = memory_scope(tenant)
    one = await remembered(curator, scope, "Ada likes tea.")
    two = await remembered(curator, memory_scope(tenant, agent=None), "Ada enjoys tea.")
    with pytest.raises(CurationRefused, match="different owners"):
        await curator.merge(scope, [one.id, two.id], NewMemory(content="Tea."))
    with pytest.raises(MemoryNotFound):
        await curator.merge(scope, [one.id, uuid4()], NewMemory(content="Tea."))
    assert {memory.id for memory in (await curator.list(scope)).memories} == {one.id, two.id}


async def test_archive_and_restore(curator: Curator, tenant: UUID) -> None:
    """An archived memory is hidden and can be restored, unless another memory holds its content by then."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "Ada likes tea.")
    assert (await curator.archive(scope, memory.id)).status is Status.ARCHIVED
    assert (await curator.list(scope)).memories == ()
    with pytest.raises(
        TransitionRefused, match="archived: archive is not allowed, only restore, tag, relate, forget, purge"
    ):
        await curator.archive(scope, memory.id)
    holder = await remembered(curator, scope, "Ada likes tea.")
    with pytest.raises(DuplicateContent) as refused:
        await curator.restore(scope, memory.id)
    assert refused.value.problem.memory_id == holder.id
    await curator.purge(scope, holder.id)
    restored = await curator.restore(scope, memory.id, version=2)
    assert (restored.status, restored.version) == (Status.ACTIVE, 3)


async def test_approve_and_reject(curator: Curator, tenant: UUID) -> None:
    """A memory for review is active after its approval, and archived after its rejection."""
    scope = memory_scope(tenant)
    good, bad = [await remembered(curator, scope, text, review=True) for text in ("Ada is vegan.", "Ada is a robot.")]
    assert (await curator.approve(scope, good.id)).status is Status.ACTIVE
    assert (await curator.reject(scope, bad.id)).status is Status.ARCHIVED
    assert [memory.id for memory in (await curator.list(scope)).memories] == [good.id]
    with pytest.raises(TransitionRefused):
        await curator.approve(scope, good.id)


async def test_a_forgotten_memory_is_hidden_until_it_is_restored(curator: Curator, tenant: UUID) -> None:
    """Get, list and search skip it, its content may be remembered anew, and it can be read by its id on request."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "Ada likes tea.")
    forgotten = await curator.forget(scope, memory.id)
    assert forgotten.deleted_at is not None
    with pytest.raises(MemoryNotFound):
        await curator.get(scope, memory.id)
    assert (await curator.list(scope)).memories == ()
    assert await curator.search(scope, "Ada likes tea.") == ()
    assert (await curator.get(scope, memory.id, forgotten=True)).id == memory.id
    page = await curator.list(scope, MemoryFilter(forgotten=True, statuses=()))
    assert [one.id for one in page.memories] == [memory.id]
    with pytest.raises(TransitionRefused, match="only restore, purge"):
        await curator.revise(scope, memory.id, content="Ada likes coffee.")
    restored = await curator.restore(scope, memory.id)
    assert (restored.deleted_at, restored.status) == (None, Status.ACTIVE)


async def test_archived_memories_may_share_a_content(curator: Curator, tenant: UUID) -> None:
    """One of two archived memories with the same content can be forgotten and restored beside the other."""
    scope = memory_scope(tenant)
    one, two = [await curator.archive(scope, (await remembered(curator, scope, "Ada likes tea.")).id) for _ in range(2)]
    assert one.id != two.id
    await curator.forget(scope, two.id)
    assert (await curator.restore(scope, two.id)).status is Status.ARCHIVED


async def test_a_purged_memory_leaves_nothing_behind(curator: Curator, tenant: UUID, database_url: str) -> None:
    """Row, versions and tags are gone, no kept reply quotes it, and a repeated request does not create it again."""
    scope, request_id = memory_scope(tenant), uuid4().hex
    new = NewMemory(content="Ada's secret is Rosebud.", tags=("secret",))
    (made,) = await curator.remember(scope, new, request_id=request_id)
    await curator.purge(scope, made.id)
    with pytest.raises(MemoryNotFound):
        await curator.get(scope, made.id, forgotten=True)
    with pytest.raises(MemoryNotFound, match=f"this request was done, but its reply quoted memory {made.id}"):
        await curator.remember(scope, new, request_id=request_id)
    connection = await asyncpg.connect(database_url)
    try:
        for table in ("memories", "memory_versions", "memory_tags", "memory_requests"):
            found = await connection.fetchval(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%Rosebud%'")  # noqa: S608
            assert found == 0, table
    finally:
        await connection.close()


async def test_the_history_of_a_memory_is_read(curator: Curator, tenant: UUID) -> None:
    """Contents come newest first, page by page, with the replaced memories; those of a forgotten one on request."""
    scope = memory_scope(tenant)
    first = await remembered(curator, scope, "Ada lives in Graz.", metadata={"a": 1})
    for content in ("Ada lives in Salzburg.", "Ada lives in Wien."):
        await curator.revise(scope, first.id, content=content, confidence=0.9)
    history = await curator.history(scope, first.id)
    assert history.memory.content == "Ada lives in Wien."
    contents = [(one.version, one.content, one.confidence, one.metadata) for one in history.versions]
    assert contents == [
        (3, "Ada lives in Wien.", 0.9, {"a": 1}),
        (2, "Ada lives in Salzburg.", 0.9, {"a": 1}),
        (1, "Ada lives in Graz.", 0.8, {"a": 1}),
    ]
    page = await curator.history(scope, first.id, before=3, limit=1)
    assert [one.version for one in page.versions] == [2]

    moved = await curator.supersede(scope, first.id, NewMemory(content="Ada lives abroad."))
    other = await remembered(curator, scope, "Ada has left the country.")
    merged = await curator.merge(scope, [moved.memory.id, other.id], NewMemory(content="Ada left, and lives abroad."))
    assert (await curator.history(scope, moved.memory.id)).replaced == (first.id,)
    assert set((await curator.history(scope, merged.memory.id)).replaced) == {moved.memory.id, other.id}

    await curator.forget(scope, merged.memory.id)
    with pytest.raises(MemoryNotFound):
        await curator.history(scope, merged.memory.id)
    assert (await curator.history(scope, merged.memory.id, forgotten=True)).memory.id == merged.memory.id


async def test_tag_and_untag(curator: Curator, tenant: UUID) -> None:
    """Tags are a set. They keep the version, so that no other change is refused because of a tag."""
    scope = memory_scope(tenant)
    memory = await remembered(curator, scope, "Ada likes tea.", tags=("drinks",))
    tagged = await curator.tag(scope, memory.id, "tea", "drinks", "Ada")
    assert (tagged.tags, tagged.version) == (("Ada", "drinks", "tea"), 1)
    untagged = await curator.untag(scope, memory.id, "drinks", "never was")
    assert untagged.tags == ("Ada", "tea")
    with pytest.raises(CurationRefused, match="would have 52; at most 50"):
        await curator.tag(scope, memory.id, *(f"t{i}" for i in range(50)))
    assert (await curator.get(scope, memory.id)).tags == ("Ada", "tea")
