"""Attempts on collections, relations, sessions, checkpoints and directives of another scope, by kind of request."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest

from eunoe_producers import Curator, NotFound
from eunoe_schema.memory import Checkpoint, CheckpointSummary, Collection, Memory, MemoryScope, RelationType
from eunoe_tests.curation import remembered

SESSION, DIRECTIVE, STATE = "s", "tone", {"step": 1}


@dataclass(frozen=True)
class OtherRecords:
    """The records of another scope, which the cases try to reach.

    Attributes:
        memory: A memory.
        related: Another memory, which the first one supports.
        collection: A collection of both memories.
        checkpoint: A checkpoint of its session.
    """

    memory: Memory
    related: Memory
    collection: Collection
    checkpoint: CheckpointSummary


async def fill_records(curator: Curator, owner: MemoryScope) -> OtherRecords:
    """Give a scope one record of each kind."""
    memory, related = [await remembered(curator, owner, text) for text in ("Theirs.", "Theirs as well.")]
    await curator.relations.relate(owner, memory.id, RelationType.SUPPORTS, related.id)
    collection = await curator.collections.create(owner, type_="t", name="n", description="theirs")
    await curator.collections.add(owner, collection.id, memory.id, related.id)
    await curator.sessions.open(owner, SESSION, thread_id="theirs", metadata={"theirs": True})
    checkpoint = await curator.checkpoints.save(owner, SESSION, {"theirs": True})
    await curator.directives.set(owner, DIRECTIVE, "Theirs.")
    return OtherRecords(memory, related, await curator.collections.get(owner, collection.id), checkpoint)


async def _assert_not_found(attempt: Awaitable[object]) -> None:
    """Assert that another scope's record gets the same answer as one that does not exist."""
    with pytest.raises(NotFound, match=r"^there is no .* that applies to this scope$"):
        await attempt


async def _relate(curator: Curator, scope: MemoryScope, theirs: OtherRecords) -> None:
    mine = await remembered(curator, scope, "Mine.")
    await _assert_not_found(curator.relations.relate(scope, mine.id, RelationType.CAUSES, theirs.memory.id))
    await _assert_not_found(curator.relations.relate(scope, theirs.memory.id, RelationType.CAUSES, mine.id))


async def _create_collection(curator: Curator, scope: MemoryScope, theirs: OtherRecords) -> None:
    mine = await curator.collections.create(scope, type_=theirs.collection.type, name=theirs.collection.name)
    assert mine.id != theirs.collection.id
    assert (mine.members, mine.description, mine.version) == (0, None, 1)


async def _list_collections(curator: Curator, scope: MemoryScope, theirs: OtherRecords) -> None:
    assert (await curator.collections.list(scope, type_=theirs.collection.type)).collections == ()


async def _add_members(curator: Curator, scope: MemoryScope, theirs: OtherRecords) -> None:
    memory = await remembered(curator, scope, "Mine.")
    collection = await curator.collections.create(scope, type_="t", name="n")
    await _assert_not_found(curator.collections.add(scope, theirs.collection.id, memory.id))
    await _assert_not_found(curator.collections.add(scope, collection.id, theirs.memory.id))
    assert (await curator.collections.get(scope, collection.id)).members == 0


async def _open_session(curator: Curator, scope: MemoryScope, _: OtherRecords) -> None:
    mine = await curator.sessions.open(scope, SESSION)
    assert (mine.user_id, mine.agent_id) == (scope.user_id, scope.agent_id)
    assert (mine.thread_id, mine.metadata) == (None, {})


async def _list_sessions(curator: Curator, scope: MemoryScope, _: OtherRecords) -> None:
    assert (await curator.sessions.list(scope)).sessions == ()


async def _save_checkpoint(curator: Curator, scope: MemoryScope, _: OtherRecords) -> None:
    saved = await curator.checkpoints.save(scope, SESSION, STATE)
    loaded = await curator.checkpoints.load(scope, SESSION)
    assert isinstance(loaded, Checkpoint)
    assert (loaded.id, loaded.state) == (saved.id, STATE)
    assert len((await curator.checkpoints.list(scope, SESSION)).checkpoints) == 1


async def _load_checkpoint(curator: Curator, scope: MemoryScope, theirs: OtherRecords) -> None:
    assert await curator.checkpoints.load(scope, SESSION) is None
    await _assert_not_found(curator.checkpoints.load(scope, SESSION, theirs.checkpoint.id))


async def _list_checkpoints(curator: Curator, scope: MemoryScope, _: OtherRecords) -> None:
    assert (await curator.checkpoints.list(scope, SESSION)).checkpoints == ()


async def _set_directive(curator: Curator, scope: MemoryScope, _: OtherRecords) -> None:
    await _assert_not_found(curator.directives.set(scope, DIRECTIVE, "Mine.", version=1))
    mine = await curator.directives.set(scope, DIRECTIVE, "Mine.")
    assert (mine.version, mine.user_id) == (1, scope.user_id)
    assert await curator.directives.list(scope) == (mine,)


async def _list_directives(curator: Curator, scope: MemoryScope, _: OtherRecords) -> None:
    assert await curator.directives.list(scope) == ()


Case = Callable[[Curator, MemoryScope, OtherRecords], Awaitable[None]]
RECORD_CASES: Mapping[str, Case] = {
    "relate": _relate,
    "unrelate": lambda curator, scope, theirs: _assert_not_found(
        curator.relations.unrelate(scope, theirs.memory.id, RelationType.SUPPORTS, theirs.related.id)
    ),
    "walk": lambda curator, scope, theirs: _assert_not_found(
        curator.relations.walk(scope, theirs.memory.id, statuses=())
    ),
    "create_collection": _create_collection,
    "list_collections": _list_collections,
    "get_collection": lambda curator, scope, theirs: _assert_not_found(
        curator.collections.get(scope, theirs.collection.id)
    ),
    "update_collection": lambda curator, scope, theirs: _assert_not_found(
        curator.collections.update(scope, theirs.collection.id, name="Mine now.")
    ),
    "delete_collection": lambda curator, scope, theirs: _assert_not_found(
        curator.collections.delete(scope, theirs.collection.id)
    ),
    "add_members": _add_members,
    "remove_members": lambda curator, scope, theirs: _assert_not_found(
        curator.collections.remove(scope, theirs.collection.id, theirs.memory.id)
    ),
    "open_session": _open_session,
    "list_sessions": _list_sessions,
    "get_session": lambda curator, scope, _: _assert_not_found(curator.sessions.get(scope, SESSION)),
    "close_session": lambda curator, scope, _: _assert_not_found(curator.sessions.close(scope, SESSION)),
    "save_checkpoint": _save_checkpoint,
    "load_checkpoint": _load_checkpoint,
    "list_checkpoints": _list_checkpoints,
    "set_directive": _set_directive,
    "list_directives": _list_directives,
    "order_directives": lambda curator, scope, _: _assert_not_found(curator.directives.order(scope, [DIRECTIVE])),
    "remove_directive": lambda curator, scope, _: _assert_not_found(curator.directives.remove(scope, DIRECTIVE)),
}
