"""Long messages in PostgreSQL: embedded piece by piece, written once, and found by their end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import RowRefused
from eunoe_consumers.postgres.turns import NewPiece, NewTurn, TurnReader, TurnWriter
from eunoe_consumers.settings import Settings
from eunoe_schema.entries import EntryOrder
from eunoe_schema.events import MessageEvent
from eunoe_schema.scope import Scope
from eunoe_tests.events import event_of, scope_of

pytestmark = pytest.mark.slow

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
ALONG = np.ones(384, dtype=np.float32)
FIRST_MS = 1_700_000_000_000

# Only pieces with the entry of their turn count.
OF_THE_TURN = (
    "SELECT piece.* FROM turn_pieces AS piece JOIN conversation_embeddings AS turn USING (tenant_id, id, position) "
    "ORDER BY piece.id, piece.piece"
)


@pytest.fixture
async def login(database_url: str) -> AsyncIterator[Login]:
    """A superuser's connection, which sees every row."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def embedder(model_cache: Path) -> Embedder:
    """The real model."""
    return load_embedder(Settings(model_cache_dir=model_cache))


def effect_of(database: Database, embedder: Embedder) -> EmbedAndStore:
    """Return the effect of the group with the default limits."""
    writer = TurnWriter(database, embedding_model=embedder.name)
    return EmbedAndStore(embedder, writer, batch_tokens=8_192, max_pieces=64)


def delivered(scope: Scope, number: int, content: str, *, at_ms: int = 0) -> Delivered[MessageEvent]:
    """Return the event `e<number>` as its entry is delivered."""
    return Delivered(Entry(f"{FIRST_MS + at_ms}-0", {}), event_of(scope, f"e{number}", content))


def words(name: str, count: int) -> str:
    """Return a text of `count` words."""
    return " ".join(f"{name}{number}" for number in range(count))


def turn_of(scope: Scope, pieces: tuple[NewPiece, ...], *, at_ms: int = 0) -> NewTurn:
    """Return the turn of the event `e1`."""
    return NewTurn(event_of(scope, "e1", "x" * 1_000), EntryOrder(FIRST_MS + at_ms, 0), ALONG, pieces)


async def test_a_redelivered_message_is_written_once(database: Database, login: Login, tenant: UUID) -> None:
    """One turn with one row per piece, however often it is delivered, to however many consumers."""
    scope = scope_of(tenant)
    batch = [delivered(scope, number, words(f"n{number}w", 700), at_ms=number) for number in range(3)]
    batch.append(delivered(scope, 9, "short", at_ms=9))
    effects = [effect_of(database, HashEmbedder(384)) for _ in range(3)]
    await asyncio.gather(effects[0](batch), effects[1](batch[::-1]), effects[2](batch[:2]))
    await effects[0](batch)
    assert await login.fetchval("SELECT count(*) FROM conversation_embeddings") == 4
    rows = await login.fetch("SELECT * FROM turn_pieces ORDER BY position, piece")
    assert [(row["position"] >> 20) - FIRST_MS for row in rows] == [0] * 3 + [1] * 3 + [2] * 3
    assert [row["piece"] for row in rows] == [1, 2, 3] * 3
    for row, (sent, start) in zip(
        rows, ((sent, start) for sent in batch[:3] for start in (206, 412, 573)), strict=True
    ):
        content = sent.event.content
        assert row["id"] == scope.turn_id(sent.event.event_id)
        assert (row["tenant_id"], row["agent_id"], row["user_id"]) == (tenant, scope.agent_id, "ada")
        assert content[row["starts_at"] :].startswith(content.split()[start])
        stored: NDArray[np.float32] = row["embedding"].to_numpy()
        (embedded,) = HashEmbedder(384).embed([content[row["starts_at"] : row["ends_at"]]])
        np.testing.assert_allclose(stored, embedded, atol=1e-3)


@pytest.mark.parametrize("first", [0, 1], ids=["the earlier one first", "the later one first"])
async def test_pieces_of_a_duplicate_with_another_text_are_ignored(
    database: Database, login: Login, tenant: UUID, first: int
) -> None:
    """Only the pieces of the stored content match the entry of the turn."""
    scope = scope_of(tenant)
    effect = effect_of(database, HashEmbedder(384))
    twice = [delivered(scope, 1, words("early", 300), at_ms=1), delivered(scope, 1, words("late", 900), at_ms=2)]
    await effect([twice[first]])
    await effect([twice[1 - first]])
    await effect(twice)
    stored = twice[first].event.content
    assert await login.fetchval("SELECT content FROM conversation_embeddings") == stored
    ends = [row["ends_at"] for row in await login.fetch(OF_THE_TURN)]
    assert ends == [end for _, end in HashEmbedder(384).spans([stored])[0][1:]]


async def test_of_two_contents_in_one_batch_the_earlier_one_is_stored(
    database: Database, login: Login, tenant: UUID
) -> None:
    """Turn and pieces come from the same entry, the earlier one."""
    scope = scope_of(tenant)
    late = turn_of(scope, (NewPiece(1, 2, ALONG), NewPiece(2, 3, ALONG)), at_ms=9)
    await TurnWriter(database, embedding_model="test").write([late, turn_of(scope, (NewPiece(7, 8, ALONG),))])
    assert [(row["piece"], row["starts_at"]) for row in await login.fetch(OF_THE_TURN)] == [(1, 7)]


async def test_a_turn_and_its_pieces_are_stored_together(database: Database, login: Login, tenant: UUID) -> None:
    """If a piece cannot be stored, its turn is not stored either: both are in one transaction."""
    scope = scope_of(tenant)
    wrong = (NewPiece(200, 400, ALONG), NewPiece(400, 600, np.zeros(384, dtype=np.float32)))
    with pytest.raises(RowRefused, match="turn_pieces_embedding_check"):
        await TurnWriter(database, embedding_model="test").write([turn_of(scope, wrong)])
    assert await login.fetchval("SELECT count(*) FROM conversation_embeddings") == 0
    assert await login.fetchval("SELECT count(*) FROM turn_pieces") == 0


async def test_the_end_of_a_long_message_is_found(
    database: Database, login: Login, embedder: Embedder, tenant: UUID
) -> None:
    """The last of 3,000 words answer the query: the cosine of a late piece is far above that of the turn."""
    scope = scope_of(tenant)
    chapter = "The committee met on Monday and went through the budget of the northern harbour, line by line. "
    answer = "By the way, my cat is called Minka and she is allergic to chicken."
    content = chapter * 176 + answer
    assert len(content.split()) > 3_000
    await effect_of(database, embedder)([delivered(scope, 1, content)])
    (query,) = embedder.embed(["What is the cat allergic to?"])
    own = await login.fetchval("SELECT 1 - (embedding <=> $1) FROM conversation_embeddings", HalfVector(query))
    best, second, *rest = await login.fetch(
        "SELECT piece, starts_at, ends_at, 1 - (embedding <=> $1) AS cosine FROM turn_pieces ORDER BY cosine DESC",
        HalfVector(query),
    )
    assert best["piece"] == len(rest) + 2
    assert answer in content[best["starts_at"] : best["ends_at"]]
    assert best["cosine"] > own + 0.2
    assert best["cosine"] > second["cosine"] + 0.2
    assert [message.content for message in await TurnReader(database).last(scope, 5)] == [content]


@pytest.mark.parametrize(
    "content",
    [
        "漢字を書く。" * 5_461,
        "한국어 문장 " * 4_681,
        "\u0130 I \u0131 " * 5_461,
        "\U0001f469\u200d\U0001f469\u200d\U0001f467 e\u0301 " * 3_640,
        "x" * 32_768,
    ],
    ids=["Chinese", "Korean", "Turkish", "emoji", "one word"],
)
async def test_the_longest_messages_of_any_script_are_stored(
    database: Database, login: Login, embedder: Embedder, tenant: UUID, content: str
) -> None:
    """A text with too many pieces loses the last ones, but is not refused. The spans fit the content."""
    effect = EmbedAndStore(
        embedder, TurnWriter(database, embedding_model=embedder.name), batch_tokens=8_192, max_pieces=3
    )
    await effect([delivered(scope_of(tenant), 1, content)])
    rows = await login.fetch(
        "SELECT piece, starts_at, ends_at, char_length(content) AS chars FROM turn_pieces "
        "JOIN conversation_embeddings USING (tenant_id, id, position) ORDER BY piece"
    )
    assert [row["piece"] for row in rows] == ([] if content.startswith("x") else [1, 2])
    assert all(0 < row["starts_at"] < row["ends_at"] < row["chars"] == len(content) for row in rows)
