"""Any input of a recall: a clear error at the edge, or a valid reply."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Context, InvalidEvent, Scope
from eunoe_schema.streams import DATA_FIELD, Group, Subject, dead_letters, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.memories import Memory
from eunoe_tests.queries import FRAGMENTS, strange_query
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_DEADLINE = 30.0
_AT_A_TIME = 16
SPEAKERS = ("Ada", "May", "'; DROP TABLE speakers; --", "\u0410\u0434\u0430", "(.*)+$", "\U0001f408")
CONTENTS = [
    "I live in Graz.",
    "My cat is called Minka.",
    *(text for text in FRAGMENTS if text.strip()),
    " ".join(f"word{n}" for n in range(600)),
]


@pytest.fixture
async def orchestrator(redis_url: str) -> AsyncIterator[Orchestrator]:
    """An orchestrator."""
    async with await Orchestrator.connect(redis_url) as orchestrator:
        yield orchestrator


@pytest.fixture
def hashed(settings: Settings) -> Settings:
    """Settings of consumers with the hash embedder."""
    return settings.model_copy(update={"embedder": "hash", "purpose": "test"})


@asynccontextmanager
async def knowing(settings: Settings, redis: Redis, redis_url: str, scope: Scope) -> AsyncGenerator[None]:
    """Run consumers that have stored a conversation."""
    async with consuming(settings, *Group), await Gateway.connect(redis_url) as gateway:
        for number, content in enumerate(CONTENTS):
            speaker = SPEAKERS[number % len(SPEAKERS)]
            await gateway.publish(event_of(scope, f"e{number}", content, speaker=speaker))
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        yield


def assert_valid(context: Context, *, top_k: int = 10) -> None:
    """Assert that a reply has all parts, no turn twice, and the order of scores."""
    assert context.missing == ()
    events = [turn.event_id for turn in context.turns]
    assert len(events) == len(set(events)) <= top_k
    scores = [turn.score for turn in context.turns]
    assert scores == sorted(scores, reverse=True)
    assert all(-1.001 <= turn.cosine <= 1.001 for turn in context.turns)


@pytest.mark.parametrize(
    ("query", "options", "reason"),
    [
        ("", {}, "query: String should have at least 1 character"),
        ("x" * 1_048_576, {}, "query: String should have at most 1000000 characters"),
        ("a\x00b", {}, "query: .*NUL character at index 1"),
        ("a\ud800b", {}, "query: .*(surrogate|unicode)"),
        (None, {}, "query: .*string"),
        ("hello", {"top_k": -1}, "top_k: .* greater than or equal to 0"),
        ("hello", {"top_k": 10_000}, r"top_k: .* less than or equal to 100 \(got 10000\)"),
        ("hello", {"window": 1_001}, "window: .* less than or equal to 1000"),
        ("hello", {"min_cosine": float("nan")}, "min_cosine: "),
        ("hello", {"min_cosine": 1.5}, "min_cosine: .* less than or equal to 1"),
        ("hello", {"token_budget": 0}, "token_budget: .* greater than or equal to 1"),
        ("hello", {"token_budget": 1_000_001}, "token_budget: .* less than or equal to 1000000"),
        ("hello", {"asked_at": datetime(2024, 5, 7)}, "asked_at: .*timezone"),  # noqa: DTZ001 - what is refused
        ("hello", {"exclude": ["e"] * 101}, "exclude: .* at most 100 items"),
        ("hello", {"deadline": 61}, "deadline_seconds: .* less than or equal to 60"),
    ],
)
async def test_invalid_requests_are_refused_before_they_are_sent(
    orchestrator: Orchestrator, redis: Redis, query: Any, options: dict[str, Any], reason: str
) -> None:
    """The error names the argument and its fault, and nothing is on the stream."""
    with pytest.raises(InvalidEvent, match=reason):
        await orchestrator.recall(scope_of(uuid4()), query, **options)
    assert not await redis.exists(stream(Subject.RECALL))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"query": ""}, "query: String should have at least 1 character"),
        ({"query": "x" * 1_048_576}, "query: String should have at most 1000000 characters"),
        ({"query": "a\x00b"}, "NUL character at index 1"),
        ({"query": ["a"]}, "query: Input should be a valid string"),
        ({"top_k": 10_000}, "top_k: Input should be less than or equal to 100"),
        ({"top_k": "many"}, "top_k: "),
        ({"ranking": "cosine"}, "ranking: Extra inputs are not permitted"),
    ],
)
async def test_invalid_requests_of_other_clients_get_the_reason(
    hashed: Settings, redis: Redis, tenant: UUID, changes: dict[str, Any], reason: str
) -> None:
    """A request that bypasses our client gets the reason on its reply channel, without the megabyte that it sent."""
    request = {"request_id": "1", "reply_to": "eunoe:reply:test", "query": "hello", **changes}
    scope = scope_of(tenant)
    request |= {"tenant_id": str(tenant), "agent_id": str(scope.agent_id), "user_id": scope.user_id}
    async with consuming(hashed, Group.RECALL), redis.pubsub() as replies:
        await replies.subscribe("eunoe:reply:test")
        await redis.xadd(stream(Subject.RECALL), {DATA_FIELD: json.dumps(request)})

        async def reply() -> dict[str, Any] | None:
            message = cast(
                "dict[str, bytes] | None", await replies.get_message(ignore_subscribe_messages=True, timeout=0.1)
            )
            return json.loads(message["data"]) if message else None

        answer = await wait_until(reply)
        assert answer is not None
    assert (answer["request_id"], answer.get("context")) == ("1", None)
    assert reason in answer["error"]
    assert len(answer["error"]) < 1_000


async def test_a_lone_surrogate_is_dead_lettered(hashed: Settings, redis: Redis, tenant: UUID) -> None:
    """JSON can encode invalid Unicode. The request is dead-lettered, and the consumers go on."""
    scope = scope_of(tenant)
    body = (
        f'{{"request_id": "1", "reply_to": "r", "tenant_id": "{tenant}", "agent_id": "{scope.agent_id}", '
        f'"user_id": "ada", "query": "a\\ud800b"}}'
    )
    async with consuming(hashed, Group.RECALL):
        await redis.xadd(stream(Subject.RECALL), {DATA_FIELD: body})

        async def dead_letter_count() -> int:
            return await redis.xlen(dead_letters(Group.RECALL))

        assert await wait_until(dead_letter_count) == 1


async def test_any_query_gets_a_complete_reply(
    hashed: Settings, redis: Redis, redis_url: str, orchestrator: Orchestrator, tenant: UUID
) -> None:
    """Stop words, punctuation, any script, SQL and tsquery syntax, and the longest query raise no error."""
    scope = scope_of(tenant)
    async with knowing(hashed, redis, redis_url, scope):
        for query in (*FRAGMENTS, "x " * 4_096, "\U0001f408" * 8_192, "?" * 8_192, "word " * 1_638, "\u4f60" * 8_192):
            context = await orchestrator.recall(scope, query, window=0, explain=True, deadline=_DEADLINE)
            assert_valid(context)
            assert context.turns, query[:40]
        nobody = await orchestrator.recall(scope_of(tenant, "nobody"), FRAGMENTS[3], deadline=_DEADLINE)
        assert (nobody.window, nobody.turns, nobody.cut, nobody.missing) == ((), (), (), ())


async def test_any_text_finds_itself(
    hashed: Settings, redis: Redis, redis_url: str, orchestrator: Orchestrator, tenant: UUID
) -> None:
    """Also a text without any term, by its embedding. A question stands behind the others, because it only repeats."""
    scope = scope_of(tenant)
    repeated = "\u4f60\u4f4f\u5728\u54ea\u91cc\uff1f"
    async with knowing(hashed, redis, redis_url, scope):
        for query, top_k in (("the and of with", 3), ("\u05e9\u05dc\u05d5\u05dd", 3), (repeated, 100)):
            context = await orchestrator.recall(scope, query, window=0, top_k=top_k, deadline=_DEADLINE)
            assert query in [turn.content for turn in context.turns]


async def test_thousands_of_random_searches_succeed(database: Database, tenant: UUID) -> None:
    """The search on PostgreSQL, with each ranking: no error, each candidate once, in order of its score."""
    memory, scope, dice = Memory(database, HashEmbedder(384)), scope_of(tenant), Random(11)  # noqa: S311 - the same in each run
    await memory.store_events(
        [event_of(scope, f"e{n}", text, speaker=SPEAKERS[n % len(SPEAKERS)]) for n, text in enumerate(CONTENTS)]
    )

    async def search(query: str, ranking: str) -> None:
        found = await memory.find(scope, query, ranking=ranking, candidates=20)
        positions = [ranked.candidate.position for ranked in found]
        assert 20 <= len(positions) == len(set(positions))
        scores = [ranked.score for ranked in found]
        assert scores == sorted(scores, reverse=True)
        assert scores == pytest.approx([sum(ranked.parts.values()) for ranked in found])

    for _ in range(3_000 // _AT_A_TIME):
        queries = [strange_query(dice) for _ in range(_AT_A_TIME)]
        rankings = [dice.choice(["fusion", "fusion", "bm25", "cosine"]) for _ in queries]
        outcomes = await asyncio.gather(*map(search, queries, rankings), return_exceptions=True)
        for query, outcome in zip(queries, outcomes, strict=True):
            assert outcome is None, (query, outcome)


async def test_hundreds_of_random_requests_succeed(
    hashed: Settings, redis: Redis, redis_url: str, orchestrator: Orchestrator, tenant: UUID
) -> None:
    """Through client and consumers, with random valid options: every reply is complete."""
    scope, dice = scope_of(tenant), Random(12)  # noqa: S311 - the same in each run
    async with knowing(hashed, redis, redis_url, scope):

        async def ask(query: str) -> None:
            top_k = dice.choice([0, 1, 10, 100])
            context = await orchestrator.recall(
                scope,
                query,
                top_k=top_k,
                window=dice.choice([None, 0, 1, 1_000]),
                min_cosine=dice.choice([None, -1.0, 0.0, 0.3, 1.0]),
                exclude=dice.sample([f"e{n}" for n in range(len(CONTENTS))], dice.randrange(5)),
                token_budget=dice.choice([None, 1, 20, 1_000_000]),
                neighbours=dice.choice([True, False]),
                excerpts=dice.choice([None, True, False]),
                explain=dice.choice([True, False]),
                deadline=_DEADLINE,
            )
            assert_valid(context, top_k=top_k)
            shown = {message.event_id for message in context.window}
            assert shown.isdisjoint(turn.event_id for turn in context.turns)

        for _ in range(300 // _AT_A_TIME):
            queries = [strange_query(dice) for _ in range(_AT_A_TIME)]
            outcomes = await asyncio.gather(*map(ask, queries), return_exceptions=True)
            for query, outcome in zip(queries, outcomes, strict=True):
                assert outcome is None, (query, outcome)
