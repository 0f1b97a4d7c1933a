"""Sessions through the public client: opened by a message or a request, closed by a request or after the idle time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.turns import NewTurn, TurnWriter
from eunoe_consumers.settings import Settings
from eunoe_producers import CurationRefused, Curator, Gateway, NotFound
from eunoe_schema.entries import EntryOrder
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory import CloseReason, MemoryFilter
from eunoe_schema.streams import Group
from eunoe_tests.curation import curating, memory_scope, quick, remembered
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.waiting import wait_until

IDLE_SECONDS = 600.0


@pytest.fixture
async def curator(settings: Settings, tenant: UUID) -> AsyncIterator[Curator]:
    """Run a consumer and yield a client of it; the tenant is registered."""
    assert tenant
    async with curating(settings.model_copy(update={"session_idle_seconds": IDLE_SECONDS})) as curator:
        yield curator


@pytest.fixture
def writer(database: Database) -> TurnWriter:
    """The writer of the group `embed`."""
    return TurnWriter(database, embedding_model="test")


def ago(seconds: float) -> datetime:
    """Return a moment in the past, to the millisecond as streams count."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def turn(tenant: UUID, event_id: str, session_id: str | None, at: datetime, user: str = "ada") -> NewTurn:
    """Return a turn of a session, as the stream brings it."""
    event = event_of(scope_of(tenant, user), event_id, session_id=session_id, thread_id="thread", channel="chat")
    return NewTurn(event, EntryOrder(round(at.timestamp() * 1000), 0), np.ones(384, dtype=np.float32))


async def test_a_message_opens_its_session_and_is_counted(curator: Curator, writer: TurnWriter, tenant: UUID) -> None:
    """Messages count once however often they are written; the first and the last one are named."""
    scope = memory_scope(tenant)
    first, second, last = ago(60), ago(50), ago(40)
    turns = [turn(tenant, "e1", "s", first), turn(tenant, "e2", "s", second), turn(tenant, "e3", "s", last)]
    await writer.write(turns[1:])
    await writer.write(turns)
    await writer.write([turn(tenant, "e4", "other", ago(1)), turn(tenant, "e5", None, ago(1))])
    await writer.write([turn(tenant, "e6", "s", ago(1), user="eve")])
    session = await curator.sessions.get(scope, "s")
    assert (session.messages, session.first_event_id, session.last_event_id) == (3, "e1", "e3")
    assert (session.first_message_at, session.last_message_at) == (first, last)
    assert (session.thread_id, session.channel, session.metadata) == ("thread", "chat", {})
    assert (session.is_open, session.close_reason) == (True, None)
    with pytest.raises(NotFound, match="there is no session 'nowhere' that applies to this scope"):
        await curator.sessions.get(scope, "nowhere")


async def test_published_messages_open_sessions(
    settings: Settings, curator: Curator, redis_url: str, tenant: UUID
) -> None:
    """By the session id of the event, else by its thread, and within a thread by the idle time."""
    talk, start = scope_of(tenant), ago(3_000)
    moments = [("named", 0, "s", None), ("a1", 0, None, "a"), ("a2", 60, None, "a"), ("b1", 0, None, "b")]
    moments.append(("a3", 60 + 1_801, None, "a"))  # after the idle time of gateways
    async with consuming(quick(settings), Group.EMBED), await Gateway.connect(redis_url) as gateway:
        for event_id, seconds, session_id, thread_id in moments:
            at = start + timedelta(seconds=seconds)
            await gateway.publish(event_of(talk, event_id, session_id=session_id, thread_id=thread_id, occurred_at=at))

        async def stored() -> bool:
            sessions = [session async for session in curator.sessions.list_all(memory_scope(tenant))]
            return sum(session.messages for session in sessions) == len(moments)

        await wait_until(stored)
    sessions = [session async for session in curator.sessions.list_all(memory_scope(tenant))]
    opened = {(one.thread_id, one.first_event_id, one.last_event_id, one.messages) for one in sessions}
    assert opened == {(None, "named", "named", 1), ("a", "a1", "a2", 2), ("a", "a3", "a3", 1), ("b", "b1", "b1", 1)}
    assert {one.session_id for one in sessions if one.thread_id is None} == {"s"}


async def test_the_curator_cannot_read_contents_of_turns(database_url: str, writer: TurnWriter, tenant: UUID) -> None:
    """Counting needs no privilege on the contents."""
    await writer.write([turn(tenant, "e1", "s", ago(1))])
    login = await asyncpg.connect(database_url)
    try:
        await login.execute("SELECT set_config('app.current_tenant', $1, false)", str(tenant))
        await login.execute("SET ROLE eunoe_curator")
        assert await login.fetchval("SELECT count(session_id) FROM conversation_embeddings") == 1
        for column in ("content", "metadata", "speaker", "embedding", "*"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(f"SELECT {column} FROM conversation_embeddings")  # noqa: S608 - from this test
    finally:
        await login.close()


async def test_a_session_may_be_opened_before_its_messages(curator: Curator, writer: TurnWriter, tenant: UUID) -> None:
    """It keeps its metadata, and the messages are counted in it."""
    scope = memory_scope(tenant, "new user")
    opened = await curator.sessions.open(scope, "s", thread_id="t", channel="c", metadata={"a": [None, 1]})
    assert (opened.messages, opened.first_message_at, opened.is_open) == (0, None, True)
    assert (opened.thread_id, opened.channel, opened.metadata) == ("t", "c", {"a": [None, 1]})
    await writer.write([turn(tenant, "e1", "s", datetime.now(UTC), user="new user")])
    again = await curator.sessions.open(scope, "s", thread_id="another")
    assert (again.messages, again.thread_id, again.metadata) == (1, "t", {"a": [None, 1]})
    assert again.opened_at == opened.opened_at
    assert (await curator.sessions.open(scope, "s", metadata={})).metadata == {}


async def test_a_closed_session_opens_again_with_a_message_or_a_request(
    curator: Curator, writer: TurnWriter, tenant: UUID
) -> None:
    """Closing twice changes nothing."""
    scope = memory_scope(tenant)
    await writer.write([turn(tenant, "e1", "s", ago(5))])
    closed = await curator.sessions.close(scope, "s")
    assert (closed.is_open, closed.close_reason) == (False, CloseReason.REQUESTED)
    assert await curator.sessions.close(scope, "s") == closed
    await writer.write([turn(tenant, "late", "s", ago(4))])  # published before the session was closed
    assert (await curator.sessions.get(scope, "s")).close_reason is CloseReason.REQUESTED
    await writer.write([turn(tenant, "e2", "s", datetime.now(UTC) + timedelta(seconds=1))])
    assert (await curator.sessions.get(scope, "s")).is_open
    assert (await curator.sessions.close(scope, "s")).close_reason is CloseReason.REQUESTED
    assert (await curator.sessions.open(scope, "s")).is_open
    with pytest.raises(NotFound):
        await curator.sessions.close(scope, "nowhere")


async def test_a_closed_session_ends_for_its_thread(
    settings: Settings, curator: Curator, redis_url: str, tenant: UUID
) -> None:
    """The next message of the thread begins a new session; other threads stay in theirs."""
    scope = memory_scope(tenant)

    async def sessions(messages: int) -> dict[str | None, list[str]]:
        """Return the event ids that sessions begin with, by thread, once so many messages are stored."""
        found = [session async for session in curator.sessions.list_all(scope)]
        if sum(session.messages for session in found) < messages:
            return {}
        return {
            thread: [one.session_id for one in found if one.thread_id == thread]
            for thread in {one.thread_id for one in found}
        }

    async with consuming(quick(settings), Group.EMBED), await Gateway.connect(redis_url) as gateway:
        for event_id, thread in (("a1", "a"), ("b1", "b"), ("n1", None)):
            await gateway.publish(event_of(scope_of(tenant), event_id, thread_id=thread))
        before = await wait_until(lambda: sessions(3))
        for thread in ("a", None):
            await curator.sessions.close(scope, before[thread][0])
        for event_id, thread in (("a2", "a"), ("b2", "b"), ("n2", None)):
            await gateway.publish(event_of(scope_of(tenant), event_id, thread_id=thread))
        after = await wait_until(lambda: sessions(6))
    assert {thread: len(ids) for thread, ids in after.items()} == {"a": 2, "b": 1, None: 2}


async def test_a_silent_session_is_closed(curator: Curator, writer: TurnWriter, tenant: UUID) -> None:
    """It counts as closed from the end of the idle time on; opening it again grants the whole idle time."""
    scope = memory_scope(tenant)
    last = ago(2 * IDLE_SECONDS)
    await writer.write([turn(tenant, "e1", "old", last), turn(tenant, "e2", "new", ago(IDLE_SECONDS / 2))])
    old = await curator.sessions.get(scope, "old")
    assert (old.close_reason, old.closed_at) == (CloseReason.IDLE, last + timedelta(seconds=IDLE_SECONDS))
    assert (await curator.sessions.get(scope, "new")).is_open
    assert (await curator.sessions.close(scope, "old")).close_reason is CloseReason.REQUESTED
    assert (await curator.sessions.open(scope, "old")).is_open


async def test_sessions_are_listed_page_by_page(curator: Curator, writer: TurnWriter, tenant: UUID) -> None:
    """Each comes once, the one opened last first, also for equal times; open and closed ones can be selected."""
    scope = memory_scope(tenant)
    same, old = ago(10), ago(2 * IDLE_SECONDS)
    names = [f"s{number}" for number in range(4)]
    await writer.write([turn(tenant, name, name, same) for name in names] + [turn(tenant, "o", "old", old)])
    await writer.write([turn(tenant, "x", "hers", same, user="eve")])
    await curator.sessions.close(scope, "s2")
    expected = ["s3", "s2", "s1", "s0", "old"]
    page = await curator.sessions.list(scope, limit=3)
    assert [session.session_id for session in page.sessions] == expected[:3]
    rest = await curator.sessions.list(scope, limit=3, cursor=page.cursor)
    assert ([session.session_id for session in rest.sessions], rest.cursor) == (expected[3:], None)
    assert [one.session_id async for one in curator.sessions.list_all(scope)] == expected
    assert [one.session_id async for one in curator.sessions.list_all(scope, is_open=True)] == ["s3", "s1", "s0"]
    assert [one.session_id async for one in curator.sessions.list_all(scope, is_open=False)] == ["s2", "old"]
    with pytest.raises(CurationRefused, match="cursor: 'x' is not the cursor of a page"):
        await curator.sessions.list(scope, cursor="x")


async def test_a_session_with_the_longest_names_is_listed(curator: Curator, tenant: UUID) -> None:
    """Ids of the greatest length, of four-byte characters, fit the indexes and the cursor."""
    scope = memory_scope(tenant, "\U0001f642" * 256)
    longest = "\U0001f642" * 299
    for end in "ab":
        await curator.sessions.open(scope, longest + end)
    page = await curator.sessions.list(scope, limit=1)
    rest = await curator.sessions.list(scope, limit=1, cursor=page.cursor)
    assert [*page.sessions, *rest.sessions] == [await curator.sessions.get(scope, longest + end) for end in "ba"]


async def test_memories_are_filtered_by_session(curator: Curator, tenant: UUID) -> None:
    """The reference of a session fits memories and filters."""
    scope = memory_scope(tenant)
    session = await curator.sessions.open(scope, "s")
    memory = await remembered(curator, scope, "From the session.", session=session.ref)
    page = await curator.list(scope, MemoryFilter(session=session.ref))
    assert [found.id for found in page.memories] == [memory.id]


@pytest.mark.parametrize("missing", ["agent", "user"])
async def test_a_session_needs_an_agent_and_a_user(curator: Curator, tenant: UUID, missing: str) -> None:
    """The client refuses a scope without one of them."""
    scope = memory_scope(tenant, agent=None) if missing == "agent" else memory_scope(tenant, None)
    with pytest.raises(InvalidEvent, match="a session belongs to an agent"):
        await curator.sessions.open(scope, "s")
    with pytest.raises(InvalidEvent, match="a session belongs to an agent"):
        await curator.sessions.list(scope)
