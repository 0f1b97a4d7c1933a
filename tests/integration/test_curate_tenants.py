"""Two tenants with equal agents and users: no kind of request reaches a memory of another scope."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import asyncpg
import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator, MemoryNotFound
from eunoe_schema.memory import Memory, MemoryFilter, MemoryScope, NewMemory
from eunoe_schema.memory.base import request_kinds
from eunoe_schema.memory.usage import UsedResult
from eunoe_tests.curation import curating, memory_scope, remembered
from eunoe_tests.record_cases import RECORD_CASES

pytestmark = pytest.mark.slow

THEIRS = "A memory of another scope."
NEW = NewMemory(content="Something else.")


async def _assert_not_found(found: Awaitable[object]) -> None:
    """Assert that a memory of another scope gets the same answer as one that does not exist."""
    with pytest.raises(MemoryNotFound, match=r"there is no memory .* that applies to this scope"):
        await found


async def _remember(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    (made,) = await curator.remember(scope, NewMemory(content=THEIRS))
    assert made.created
    assert made.candidates == ()
    assert made.id != theirs.id


async def _list(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    for forgotten in (False, True):
        page = await curator.list(scope, MemoryFilter(statuses=(), forgotten=forgotten))
        assert theirs.id not in {memory.id for memory in page.memories}
        assert page.memories == ()


async def _count(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    for forgotten in (False, True):
        everything = MemoryFilter(statuses=(), forgotten=forgotten)
        assert await curator.count(scope, everything) == 0, f"the memory {theirs.id} is counted"


async def _search(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    assert theirs.content == THEIRS
    assert await curator.search(scope, THEIRS, MemoryFilter(statuses=())) == ()
    assert await curator.search(scope, None, MemoryFilter(statuses=())) == ()


async def _merge(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    mine = await remembered(curator, scope, "Mine.")
    await _assert_not_found(curator.merge(scope, [mine.id, theirs.id], NEW))
    # `list` and not `get`: a read memory is counted later, which would change a row during the next attempt.
    assert mine.id in {memory.id for memory in (await curator.list(scope)).memories}


async def _used(curator: Curator, scope: MemoryScope, kind: str, *ids: UUID) -> None:
    """Assert that a report on the memory changes nothing. The client waits for no answer, so this asks for one."""
    result = await curator.request(kind, {**scope.model_dump(), "memory_ids": ids}, deadline=30)
    assert isinstance(result, UsedResult)
    assert result.memories == 0


async def _feedback(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    members = {**scope.model_dump(), "memory_id": theirs.id, "score": 0}
    await _assert_not_found(curator.request("feedback", members, deadline=30))


async def _consolidation_groups(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    assert theirs.content == THEIRS
    assert await curator.consolidation.groups(scope, older_than_days=0, min_cosine=-1) == ()


async def _admin_search(curator: Curator, scope: MemoryScope, theirs: Memory) -> None:
    """It covers all agents and users of one tenant. A stranger with equal names belongs to another tenant."""
    another_tenant = (scope.agent_id, scope.user_id) == (theirs.agent_id, theirs.user_id)
    for page in (
        await curator.administration.search(scope.tenant_id, words=THEIRS, limit=100),
        await curator.administration.search(scope.tenant_id, THEIRS, limit=100),
    ):
        assert (theirs.id in {one.memory.id for one in page.found}) is not another_tenant


# For each kind of request, an attempt on the memory of another scope. The test below fails for a kind without one.
CASES: Mapping[str, Callable[[Curator, MemoryScope, Memory], Awaitable[None]]] = {
    "remember": _remember,
    "list": _list,
    "count": _count,
    "search": _search,
    "merge": _merge,
    "get": lambda curator, scope, theirs: _assert_not_found(curator.get(scope, theirs.id, forgotten=True)),
    "history": lambda curator, scope, theirs: _assert_not_found(curator.history(scope, theirs.id, forgotten=True)),
    "revise": lambda curator, scope, theirs: _assert_not_found(curator.revise(scope, theirs.id, content="Mine now.")),
    "supersede": lambda curator, scope, theirs: _assert_not_found(curator.supersede(scope, theirs.id, NEW)),
    "archive": lambda curator, scope, theirs: _assert_not_found(curator.archive(scope, theirs.id)),
    "restore": lambda curator, scope, theirs: _assert_not_found(curator.restore(scope, theirs.id)),
    "approve": lambda curator, scope, theirs: _assert_not_found(curator.approve(scope, theirs.id)),
    "reject": lambda curator, scope, theirs: _assert_not_found(curator.reject(scope, theirs.id)),
    "forget": lambda curator, scope, theirs: _assert_not_found(curator.forget(scope, theirs.id)),
    "purge": lambda curator, scope, theirs: _assert_not_found(curator.purge(scope, theirs.id)),
    "tag": lambda curator, scope, theirs: _assert_not_found(curator.tag(scope, theirs.id, "mine")),
    "untag": lambda curator, scope, theirs: _assert_not_found(curator.untag(scope, theirs.id, "theirs")),
    "retrieved": lambda curator, scope, theirs: _used(curator, scope, "retrieved", theirs.id),
    "injected": lambda curator, scope, theirs: _used(curator, scope, "injected", theirs.id),
    "feedback": _feedback,
    "consolidation_groups": _consolidation_groups,
    "admin_search": _admin_search,
}


def test_every_kind_of_request_has_a_case() -> None:
    """A new kind of request needs an attempt on another scope's memory."""
    assert CASES.keys() | RECORD_CASES.keys() == set(request_kinds())


async def _everything(database_url: str, tenant: UUID) -> list[asyncpg.Record]:
    """Return all memories of a tenant, as a superuser sees them."""
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch(
            "SELECT memory::text, ARRAY(SELECT tag FROM memory_tags WHERE memory_id = memory.id ORDER BY tag) "
            "FROM memories AS memory WHERE tenant_id = $1",
            tenant,
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("other_scope", ["tenant", "agent", "user"])
async def test_memories_of_another_scope_are_not_found(
    settings: Settings, tenant: UUID, other_tenant: UUID, database_url: str, other_scope: str
) -> None:
    """Every kind of request from another tenant, agent or user gets not_found, never forbidden, and changes nothing."""
    async with curating(settings) as curator:
        for number, (kind, attempt) in enumerate(CASES.items()):
            owner = memory_scope(tenant, f"user {number}")
            theirs = await remembered(curator, owner, THEIRS, tags=("theirs",), review=kind in {"approve", "reject"})
            before = await _everything(database_url, tenant)
            strangers = {
                "tenant": memory_scope(other_tenant, f"user {number}"),  # with the same agent and user
                "agent": memory_scope(tenant, f"user {number}", UUID(int=number + 1)),
                "user": memory_scope(tenant, f"stranger {number}"),
            }
            await attempt(curator, strangers[other_scope], theirs)
            after = {str(row) for row in await _everything(database_url, tenant)}
            assert {str(row) for row in before} <= after, kind
