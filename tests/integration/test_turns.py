"""Turns in PostgreSQL: written once, refused if they can never be stored, and read in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import RowRefused
from eunoe_consumers.postgres.turns import NewTurn, TurnReader, TurnWriter
from eunoe_schema.entries import EntryOrder
from eunoe_schema.events import MessageEvent
from eunoe_schema.scope import Scope
from eunoe_tests.events import AGENT, OTHER_AGENT, event_of, scope_of

pytestmark = pytest.mark.slow

START_MS = 1_700_000_000_000


@pytest.fixture
def writer(database: Database) -> TurnWriter:
    """A writer."""
    return TurnWriter(database, embedding_model="test")


@pytest.fixture
def reader(database: Database) -> TurnReader:
    """A reader."""
    return TurnReader(database)


@pytest.fixture
async def login(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of a superuser, who sees every row."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def unit(*components: float) -> NDArray[np.float32]:
    """Return a vector of length 1 with the given first components. The last component fills up the length."""
    vector = np.zeros(384, dtype=np.float32)
    vector[: len(components)] = components
    vector[-1] = np.sqrt(max(0.0, 1.0 - float(np.square(vector).sum())))
    return vector


ALONG = unit(1.0)


def turn_of(
    scope: Scope, number: int, content: str = "hello", embedding: NDArray[np.float32] = ALONG, **fields: Any
) -> NewTurn:
    """Return the turn of event `e<number>`, whose entry is `number` milliseconds after the start."""
    event = event_of(scope, f"e{number}", content, **fields)
    return NewTurn(event, EntryOrder(START_MS + number, 0), embedding)


def with_content(turn: NewTurn, content: str) -> NewTurn:
    """Return a turn with a content that the contract refuses."""
    return NewTurn(turn.event.model_copy(update={"content": content}), turn.order, turn.embedding)


async def test_a_repeated_turn_is_written_once(writer: TurnWriter, reader: TurnReader, tenant: UUID) -> None:
    """The result counts the new turns, within one batch and between batches."""
    scope = scope_of(tenant)
    turns = [turn_of(scope, number) for number in range(5)]
    assert await writer.write(turns[:3]) == 3
    assert await writer.write(turns[:3]) == 0
    assert await writer.write([*turns, turns[4]]) == 2
    assert [message.event_id for message in await reader.last(scope, 10)] == ["e0", "e1", "e2", "e3", "e4"]


async def test_the_first_turn_of_an_event_stays(
    writer: TurnWriter, reader: TurnReader, login: "asyncpg.Connection[asyncpg.Record]", tenant: UUID
) -> None:
    """A second event with the same id changes neither the turn nor its terms."""
    scope = scope_of(tenant)
    await writer.write([turn_of(scope, 1, "my cat is called Minka")])
    before = await login.fetch("SELECT * FROM postings ORDER BY lexeme")
    assert {row["lexeme"] for row in before} == {"", "cat", "call", "minka"}
    assert await writer.write([turn_of(scope, 1, "my dog barks at Minka", unit(0.5))]) == 0
    assert await login.fetch("SELECT * FROM postings ORDER BY lexeme") == before
    assert [message.content for message in await reader.last(scope, 10)] == ["my cat is called Minka"]


async def test_the_earlier_of_two_entries_in_a_batch_stays(
    writer: TurnWriter, reader: TurnReader, login: "asyncpg.Connection[asyncpg.Record]", tenant: UUID
) -> None:
    """The entry id decides, not the place in the batch. The terms are those of the turn that stays."""
    scope = scope_of(tenant)
    early, late = turn_of(scope, 1, "apples"), turn_of(scope, 1, "oranges")
    late = NewTurn(late.event, EntryOrder(START_MS + 9, 0), late.embedding)
    assert await writer.write([late, early]) == 1
    assert [message.content for message in await reader.last(scope, 10)] == ["apples"]
    rows = await login.fetch("SELECT lexeme FROM postings ORDER BY lexeme")
    assert [row["lexeme"] for row in rows] == ["", "appl"]


async def test_racing_writers_write_each_turn_once(database: Database, reader: TurnReader, tenant: UUID) -> None:
    """Overlapping batches in opposite orders, of many users and agents, neither deadlock nor double a turn."""
    scopes = [scope_of(tenant, f"user-{number}", agent) for number in range(20) for agent in (AGENT, OTHER_AGENT)]
    for beginning in range(0, 60, 3):
        turns = [
            turn_of(scope, number, session_id="s") for scope in scopes for number in range(beginning, beginning + 3)
        ]
        batches: list[Sequence[NewTurn]] = [turns, turns[::-1], turns[40:] + turns[:40], turns[60::-1]]
        counts = await asyncio.gather(*(TurnWriter(database, embedding_model="test").write(batch) for batch in batches))
        assert sum(counts) == len(turns)
    assert [message.event_id for message in await reader.last(scopes[0], 100)] == [f"e{n}" for n in range(60)]


async def test_terms_are_stored_with_their_turn(
    writer: TurnWriter, login: "asyncpg.Connection[asyncpg.Record]", tenant: UUID
) -> None:
    """Each lexeme once, with its count and the length of the turn; the speaker counts, stop words do not.

    The empty lexeme stands for the turn itself.
    """
    scope = scope_of(tenant)
    await writer.write([turn_of(scope, 1, "The cats saw a cat and dogs", speaker="Ada"), turn_of(scope, 2, "cats")])
    await writer.write([turn_of(scope, 1, "The cats saw a cat and dogs", speaker="Ada")])
    rows = await login.fetch(
        "SELECT position, lexeme, tf, length, scope_hash = eunoe_scope_hash($1, $2) AS of_scope FROM postings",
        scope.agent_id,
        scope.user_id,
    )
    first, second = (EntryOrder(START_MS + number, 0).position for number in (1, 2))
    assert sorted(map(tuple, rows), key=str) == sorted(
        [
            (first, "", 0, 5, True),
            (second, "", 0, 1, True),
            (first, "ada", 1, 5, True),
            (first, "cat", 2, 5, True),
            (first, "saw", 1, 5, True),
            (first, "dog", 1, 5, True),
            (second, "cat", 1, 1, True),
        ],
        key=str,
    )


async def test_agents_users_and_sessions_appear_with_their_first_message(
    writer: TurnWriter, login: "asyncpg.Connection[asyncpg.Record]", tenant: UUID
) -> None:
    """A session opens with the earliest of its messages in the batch. Later ones do not reopen it."""
    ada = scope_of(tenant)
    grace = scope_of(tenant, "grace", OTHER_AGENT)
    await writer.write(
        [
            turn_of(ada, 3, session_id="s1", thread_id="t1", channel="slack"),
            turn_of(ada, 2, session_id="s1", thread_id="t1", channel="slack"),
            turn_of(grace, 4),
        ]
    )
    await writer.write([turn_of(ada, 1, session_id="s1"), turn_of(ada, 5, session_id="s2")])
    assert {row["id"] for row in await login.fetch("SELECT id FROM agents")} == {AGENT, OTHER_AGENT}
    assert {row["user_id"] for row in await login.fetch("SELECT user_id FROM users")} == {"ada", "grace"}
    sessions = await login.fetch(
        "SELECT agent_id, user_id, session_id, thread_id, channel, opened_at FROM sessions ORDER BY session_id"
    )
    start = datetime.fromtimestamp(START_MS / 1000, UTC)
    assert [tuple(row) for row in sessions] == [
        (AGENT, "ada", "s1", "t1", "slack", start + timedelta(milliseconds=2)),
        (AGENT, "ada", "s2", None, None, start + timedelta(milliseconds=5)),
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (np.zeros(384, dtype=np.float32), "conversation_embeddings_embedding_check"),
        (np.full(384, np.nan, dtype=np.float32), "NaN"),
        (np.full(384, np.inf, dtype=np.float32), "infinite"),
        (np.full(384, 1e-9, dtype=np.float32), "conversation_embeddings_embedding_check"),
        (np.ones(383, dtype=np.float32), "expected 384 dimensions"),
    ],
    ids=["zero", "NaN", "infinite", "zero once halved", "another width"],
)
async def test_an_embedding_without_a_cosine_is_refused(
    writer: TurnWriter, reader: TurnReader, tenant: UUID, wrong: NDArray[np.float32], reason: str
) -> None:
    """Such a row can never be stored. The error says why, and nothing of its batch is stored."""
    scope = scope_of(tenant)
    with pytest.raises(RowRefused, match=reason):
        await writer.write([turn_of(scope, 1), turn_of(scope, 2, embedding=wrong)])
    assert await reader.last(scope, 10) == []


async def test_content_that_text_cannot_hold_is_refused(writer: TurnWriter, reader: TurnReader, tenant: UUID) -> None:
    """A NUL character, a lone surrogate or an empty content is a permanent error."""
    scope = scope_of(tenant)
    for content in ("a\x00b", "a\ud800b", ""):
        with pytest.raises(RowRefused):
            await writer.write([turn_of(scope, 1), with_content(turn_of(scope, 2), content)])
    assert await reader.last(scope, 10) == []


async def test_a_turn_of_an_unknown_tenant_is_refused(writer: TurnWriter) -> None:
    """The foreign key refuses it, which is a permanent error."""
    with pytest.raises(RowRefused, match=r"(?s)tenant_id_fkey.*23503"):
        await writer.write([turn_of(scope_of(uuid4()), 1)])


async def test_the_longest_event_of_the_contract_is_stored(
    writer: TurnWriter, reader: TurnReader, tenant: UUID
) -> None:
    """Every field has its maximum length, in characters of four bytes that do not compress."""
    generator = np.random.default_rng(1)

    def text(characters: int) -> str:
        return "".join(map(chr, generator.integers(0x20000, 0x2A6D0, characters)))

    event = MessageEvent(
        event_id=text(256),
        tenant_id=tenant,
        agent_id=AGENT,
        user_id=text(256),
        role="assistant",
        content=text(32_768),
        session_id=text(300),
        thread_id=text(256),
        channel=text(256),
        speaker=text(256),
        occurred_at=datetime(9999, 12, 31, tzinfo=UTC),
        metadata={"m": text(4_000)},
    )
    assert await writer.write([NewTurn(event, EntryOrder(START_MS, 0), ALONG)]) == 1
    assert [message.content for message in await reader.last(event.scope, 1)] == [event.content]


async def test_last_returns_the_newest_turns_in_stream_order(
    writer: TurnWriter, reader: TurnReader, tenant: UUID
) -> None:
    """The oldest first, ordered by entry id and not by time of writing, also within one millisecond."""
    scope = scope_of(tenant)
    orders = [EntryOrder(START_MS + ms, sequence) for ms in (0, 1, 2) for sequence in (0, 9, 10, 100)]
    turns = [NewTurn(event_of(scope, str(order)), order, ALONG) for order in orders]
    for turn in turns[::-2] + turns[::2]:
        await writer.write([turn])
    assert [message.id for message in await reader.last(scope, 7)] == [str(order) for order in orders[-7:]]
    assert [message.id for message in await reader.last(scope, 100)] == [str(order) for order in orders]
    assert await reader.last(scope_of(tenant, "nobody"), 7) == []
