"""`remember` through the public client: new memories, confirmed ones, and near duplicates."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator, RequestReused
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import Category, NewMemory, SessionRef, Source, Status, Tier, content_hash
from eunoe_schema.streams import Group
from eunoe_tests.curation import curating, memory_scope, quick, remembered
from eunoe_tests.events import AGENT
from eunoe_tests.roles import consuming

pytestmark = pytest.mark.slow


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings) as curator:
        yield curator


async def test_a_memory_comes_back_unchanged(curator: Curator, tenant: UUID) -> None:
    """Every field survives the stream and the table, with null and nested values in the metadata."""
    expires = datetime(2031, 5, 4, 9, 30, tzinfo=UTC)
    session = SessionRef(agent_id=AGENT, user_id="ada", session_id="s1")
    new = NewMemory(
        content="Ada fears spiders.",
        tier=Tier.TASK,
        category=Category.EPISODIC,
        source=Source.USER_PROVIDED,
        confidence=0.6,
        metadata={"stressor": True, "emotion": "fear", "seen": None, "deep": {"a": [1, 2]}},
        tags=("fear", "animals"),
        session=session,
        expires_at=expires,
    )
    scope = memory_scope(tenant, agent=None)
    (made,) = await curator.remember(scope, new)
    memory = made.memory
    assert made.created
    assert memory == await curator.get(scope, memory.id)
    assert (memory.agent_id, memory.user_id, memory.version, memory.status) == (None, "ada", 1, Status.ACTIVE)
    assert (memory.content, memory.tier, memory.category) == (new.content, new.tier, new.category)
    assert (memory.source, memory.confidence, memory.usefulness) == (new.source, 0.6, 0.5)
    assert (memory.metadata, memory.tags) == (new.metadata, ("animals", "fear"))
    assert (memory.session, memory.expires_at) == (session, expires)
    assert memory.content_hash == content_hash(new.content)
    assert memory.has_embedding


async def test_a_session_of_another_scope_is_refused(curator: Curator, tenant: UUID, database_url: str) -> None:
    """A memory and its replacement come from a session of their own agent and user; no session is opened."""
    scope, stranger = memory_scope(tenant), SessionRef(agent_id=AGENT, user_id="bob", session_id="s1")
    one, two = [await remembered(curator, scope, text) for text in ("one", "two")]
    theirs = NewMemory(content="three", session=stranger)
    with pytest.raises(InvalidEvent, match="session belongs to user 'bob', the scope to user 'ada'"):
        await curator.remember(scope, theirs)
    with pytest.raises(InvalidEvent, match="session belongs to user 'bob'"):
        await curator.supersede(scope, one.id, theirs)
    with pytest.raises(InvalidEvent, match="session belongs to user 'bob'"):
        await curator.merge(scope, [one.id, two.id], theirs)
    with pytest.raises(InvalidEvent, match=f"session belongs to agent {AGENT}"):
        await curator.remember(memory_scope(tenant, "bob", UUID(int=7)), theirs)
    wide = await remembered(curator, memory_scope(tenant, user=None), "three", session=stranger)
    assert wide.session == stranger  # a memory of the agent with every user may come from a session with any of them
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM sessions") == 1
    finally:
        await connection.close()


async def test_the_same_content_is_confirmed(curator: Curator, tenant: UUID) -> None:
    """Composition and a line break at the end make no difference; each confirmation removes a tenth of the doubt."""
    scope = memory_scope(tenant)
    first = await remembered(curator, scope, "Ada lives in Café Straße.", confidence=0.5)
    (again,) = await curator.remember(scope, NewMemory(content="Ada lives in Cafe\u0301 Straße.\n"))
    assert (again.created, again.memory.id, again.memory.version) == (False, first.id, 1)
    assert again.memory.confidence == pytest.approx(0.55)
    assert again.memory.content == "Ada lives in Café Straße."
    assert len((await curator.list(scope)).memories) == 1


async def test_another_spelling_is_another_memory(curator: Curator, tenant: UUID) -> None:
    """A correction that changes case or indentation alone is stored, by remember and by revise."""
    scope = memory_scope(tenant)
    wrong = await remembered(curator, scope, "The Wi-Fi password is kX9aBq.")
    (right,) = await curator.remember(scope, NewMemory(content="The Wi-Fi password is Kx9AbQ."))
    assert (right.created, right.memory.content) == (True, "The Wi-Fi password is Kx9AbQ.")
    assert [candidate.memory.id for candidate in right.candidates] == [wrong.id]
    revised = await curator.revise(scope, wrong.id, content="The Wi-Fi password is KX9ABQ.")
    assert (revised.content, revised.version) == ("The Wi-Fi password is KX9ABQ.", 2)
    code = "if ready:\n    go()\n    stop()"
    made = await curator.remember(
        scope, *(NewMemory(content=text) for text in (code, code.replace("    stop", "stop")))
    )
    assert [one.created for one in made] == [True, True]


async def test_a_confirmed_memory_keeps_the_later_end(curator: Curator, tenant: UUID) -> None:
    """A confirmation may extend a lifetime, and never shortens it."""
    scope, now = memory_scope(tenant), datetime.now(UTC)
    soon, later = now + timedelta(hours=1), now + timedelta(hours=2)

    async def again(content: str, **fields: Any) -> tuple[Tier, datetime | None]:
        memory = await remembered(curator, scope, content, **fields)
        assert memory.version == 1
        return memory.tier, memory.lapses_at

    tier, lapses_at = await again("tea", tier=Tier.TASK)
    assert (tier, lapses_at is not None) == (Tier.TASK, True)
    assert await again("tea", tier=Tier.TASK) == (Tier.TASK, lapses_at)  # counted from its creation
    assert await again("tea", tier=Tier.PROJECT) == (Tier.PROJECT, None)
    assert await again("tea", tier=Tier.PERSONAL, expires_at=soon) == (Tier.PROJECT, None)
    assert await again("ticket", expires_at=soon) == (Tier.PERSONAL, soon)
    assert await again("ticket", expires_at=later) == (Tier.PERSONAL, later)
    assert await again("ticket", expires_at=soon) == (Tier.PERSONAL, later)
    assert await again("ticket") == (Tier.PERSONAL, None)


async def test_each_owner_may_hold_the_same_content(curator: Curator, tenant: UUID) -> None:
    """A user, an agent and both together hold three memories of one content."""
    owners = [memory_scope(tenant), memory_scope(tenant, agent=None), memory_scope(tenant, user=None)]
    ids = {(await remembered(curator, owner, "Tea at five.")).id for owner in owners}
    assert len(ids) == 3


async def test_many_are_remembered_at_once_or_none(curator: Curator, tenant: UUID) -> None:
    """Results come in the order of the request, a repeated content as a confirmation; one invalid one refuses all."""
    scope = memory_scope(tenant)
    contents = [f"Fact number {i}" for i in range(20)]
    made = await curator.remember(scope, *(NewMemory(content=text) for text in [*contents, contents[3]]))
    assert [one.memory.content for one in made] == [*contents, contents[3]]
    assert [one.created for one in made].count(False) == 1
    await remembered(curator, scope, "Many tags", tags=tuple(f"t{i}" for i in range(50)))
    with pytest.raises(CurationRefused, match="would have 51; at most 50 are allowed"):
        await curator.remember(scope, NewMemory(content="good"), NewMemory(content="Many tags", tags=("one more",)))
    assert "good" not in [memory.content async for memory in curator.list_all(scope)]


async def test_near_duplicates_are_reported_within_owner_and_tier(curator: Curator, tenant: UUID) -> None:
    """The nearest first; memories of other tiers and owners are not reported."""
    scope = memory_scope(tenant)
    near = await remembered(curator, scope, "Ada likes green tea with honey in the morning every day")
    await remembered(curator, scope, "Ada likes green tea with honey in the morning each day", tier=Tier.TASK)
    await remembered(curator, memory_scope(tenant, "grace"), "Ada likes green tea with honey in the morning any day")
    await remembered(curator, scope, "Prague has many bridges")
    (made,) = await curator.remember(
        scope, NewMemory(content="Ada likes green tea, with honey in the morning, every day")
    )
    assert made.created
    assert [candidate.memory.id for candidate in made.candidates] == [near.id]
    assert made.candidates[0].cosine > 0.92


async def test_concurrent_remembers_of_one_content_make_one_row(
    settings: Settings, tenant: UUID, database_url: str
) -> None:
    """Two consumers and many clients: one row is inserted, and every other request confirms it."""
    scope = memory_scope(tenant)
    async with consuming(quick(settings), Group.CURATE), curating(settings) as curator:
        made = await asyncio.gather(
            *(curator.remember(scope, NewMemory(content="Only once", confidence=0.0), deadline=30) for _ in range(20))
        )
    assert [one.created for (one,) in made].count(True) == 1
    assert len({one.memory.id for (one,) in made}) == 1
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT confidence FROM memories")
    finally:
        await connection.close()
    assert [row["confidence"] for row in rows] == [pytest.approx(1 - 0.9**19)]


async def test_a_repeated_request_is_done_once(curator: Curator, tenant: UUID) -> None:
    """The same request id and body get the first reply; nothing is inserted or confirmed."""
    scope, request_id = memory_scope(tenant), uuid4().hex
    new = NewMemory(content="Ada has a cat.")
    first = await curator.remember(scope, new, request_id=request_id)
    assert await curator.remember(scope, new, request_id=request_id) == first
    assert (await curator.get(scope, first[0].id)).confidence == 0.8


async def test_a_reused_request_id_is_refused(curator: Curator, tenant: UUID) -> None:
    """The same request id with another body is an error of the caller."""
    scope, request_id = memory_scope(tenant), uuid4().hex
    await curator.remember(scope, NewMemory(content="Ada has a cat."), request_id=request_id)
    with pytest.raises(RequestReused, match=request_id):
        await curator.remember(scope, NewMemory(content="Ada has a dog."), request_id=request_id)
    assert len((await curator.list(scope)).memories) == 1


async def test_a_memory_for_review_is_inactive_until_it_is_approved(curator: Curator, tenant: UUID) -> None:
    """It is listed by its status only. If an active memory has its content, that memory is returned unchanged."""
    scope = memory_scope(tenant)
    pending = await remembered(curator, scope, "Ada may be vegan.", review=True)
    assert pending.status is Status.PENDING_REVIEW
    assert (await curator.list(scope)).memories == ()
    active = await remembered(curator, scope, "Ada lives in Graz.")
    (again,) = await curator.remember(scope, NewMemory(content="Ada lives in Graz.", review=True, tags=("t",)))
    assert (again.created, again.memory) == (False, active)
