"""Poison entries past the gateway are dead-lettered alone by both groups. Legal extremes are stored unchanged."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from eunoe_consumers.embedding.hash_embedder import RAISE_MARKER
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import MessageEvent, Receipt, Scope, keys
from eunoe_schema.codec import encode
from eunoe_schema.streams import DATA_FIELD, Group, Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.poison import LEGAL, POISONS
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, dead, stored_events, window_events, window_of
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_BOTH = (Group.WINDOW, Group.EMBED)
_MESSAGES = stream(Subject.MESSAGES)


@pytest.fixture
def quick(settings: Settings) -> Settings:
    """Consumers with a test double of the model, because these tests are about everything around it."""
    return settings.model_copy(update={"purpose": "test", "embedder": "hash"})


@pytest.fixture
def scope(tenant: UUID) -> Scope:
    """A scope."""
    return scope_of(tenant)


async def append(redis: Redis, event: MessageEvent, fields: Mapping[str, Any] | None = None, **place: str) -> str:
    """Append an event past the gateway, with some fields changed. Return the entry id."""
    body = json.dumps({**event.model_dump(mode="json", exclude_none=True), **(fields or {})})
    return cast("bytes", await redis.xadd(_MESSAGES, {DATA_FIELD: body}, **cast("Any", place))).decode()


async def append_flat(redis: Redis, event: MessageEvent, fields: Mapping[str, bytes]) -> str:
    """Append an event past the gateway as flat fields, some of them changed. Return the entry id."""
    flat: dict[Any, Any] = {**json.loads(encode(event)), **fields}
    del flat["schema_version"], flat["metadata"]
    return cast("bytes", await redis.xadd(_MESSAGES, {**flat, **fields})).decode()


async def consume_all(settings: Settings, redis: Redis) -> None:
    """Let both groups process the whole stream."""
    async with consuming(settings, *_BOTH):
        await wait_until(lambda: consumed(redis, *_BOTH), seconds=60)


async def check_stores(redis: Redis, settings: Settings, scope: Scope, neighbours: Sequence[str]) -> None:
    """Check that both groups have applied the neighbours and nothing else."""
    assert await stored_events(settings.database_url or "", scope) == neighbours
    assert await window_events(redis, scope) == neighbours[-settings.window_messages :]


async def check_letters(redis: Redis, group: Group, reasons: Mapping[str, str]) -> None:
    """Check that a group has dead-lettered these entries, each with its reason, and no others."""
    letters = await dead(redis, group)
    assert letters.keys() == reasons.keys()
    for entry_id, reason in reasons.items():
        assert reason in letters[entry_id]


async def test_every_poison_is_dead_lettered_alone_by_both_groups(quick: Settings, redis: Redis, scope: Scope) -> None:
    """Whatever the gateway would refuse is a dead letter of each group. Its neighbours are applied."""
    reasons: dict[str, str] = {}
    for number, poison in enumerate(POISONS.values()):
        await append(redis, event_of(scope, f"e{number}"))
        reasons[await append(redis, event_of(scope, "bad"), poison.fields)] = poison.in_letter
    await consume_all(quick, redis)
    for group in _BOTH:
        await check_letters(redis, group, reasons)
    await check_stores(redis, quick, scope, [f"e{number}" for number in range(len(POISONS))])


async def test_poison_bytes_are_dead_lettered_alone_by_both_groups(quick: Settings, redis: Redis, scope: Scope) -> None:
    """Flat fields may be neither UTF-8 nor JSON, and JSON may hold numbers that no type can."""
    flat = [
        ({"content": b"a\x00"}, "content: contains the NUL character at index 1"),
        ({"user_id": b"a\xed\xa0\x80"}, "not decodable: 'utf-8' codec can't decode byte 0xed"),
        ({"metadata": rb'{"a": "\ud800"}'}, "metadata: contains a NUL character or a lone surrogate"),
        ({"metadata": b'{"a": 1e400}'}, "metadata: is not JSON"),
        ({"metadata": b'{"a": %s}' % (b"9" * 5_000)}, "not decodable: Exceeds the limit"),
        ({"metadata": b'{"a":' * 400 + b"1" + b"}" * 400}, "Recursion error"),
        ({"occurred_at": b"0001-01-01T00:00:00+00:01"}, "occurred_at: lies outside the years 1 to 9999"),
    ]
    reasons: dict[str, str] = {}
    for number, (fields, reason) in enumerate(flat):
        await append_flat(redis, event_of(scope, f"e{number}"), {})
        reasons[await append_flat(redis, event_of(scope, "bad"), fields)] = reason
    body = encode(event_of(scope, "bad", metadata={"a": 1})).replace(b'{"a":1}', b'{"a":1e400}')
    reasons[cast("bytes", await redis.xadd(_MESSAGES, {DATA_FIELD: body})).decode()] = "metadata: is not"
    await append_flat(redis, event_of(scope, "last"), {})
    await consume_all(quick, redis)
    for group in _BOTH:
        await check_letters(redis, group, reasons)
    await check_stores(redis, quick, scope, [*(f"e{number}" for number in range(len(flat))), "last"])


async def test_an_entry_id_without_a_position_is_dead_lettered_alone_by_both_groups(
    quick: Settings, redis: Redis, scope: Scope
) -> None:
    """A publisher may choose an id that no row can hold. Then no window holds the message either."""
    ids = {
        "1-1": "",
        f"5-{2**20}": "has a sequence number beyond 1048575",
        f"5-{2**64 - 1}": "has a sequence number beyond 1048575",
        f"6-{2**20 - 1}": "",
        "7-0": "",
        f"{2**43}-0": "beyond the year 2248",
        f"{2**60}-7": "beyond the year 2248",
    }
    for entry_id in ids:
        await append(redis, event_of(scope, entry_id), id=entry_id)
    await consume_all(quick, redis)
    refused = {entry_id: reason for entry_id, reason in ids.items() if reason}
    await check_letters(redis, Group.WINDOW, refused)
    await check_letters(redis, Group.EMBED, dict.fromkeys(refused, ""))
    await check_stores(redis, quick, scope, [entry_id for entry_id in ids if entry_id not in refused])


@pytest.mark.parametrize("past_the_gateway", [False, True])
async def test_legal_extremes_are_stored_unchanged_and_recalled(
    quick: Settings, redis: Redis, redis_url: str, scope: Scope, *, past_the_gateway: bool
) -> None:
    """Emoji, the longest names, the ends of the calendar and of JSON: unchanged in window, row and recall."""
    good = event_of(scope, "good", "hello").model_dump()
    events = [MessageEvent.model_validate({**good, "event_id": name, **fields}) for name, fields in LEGAL.items()]
    if past_the_gateway:
        for event in events:
            await redis.xadd(_MESSAGES, {DATA_FIELD: encode(event)})
    else:
        async with await Gateway.connect(redis_url) as gateway:
            assert all(isinstance(outcome, Receipt) for outcome in await gateway.publish_many(events))
    await consume_all(quick, redis)
    for group in _BOTH:
        assert await dead(redis, group) == {}

    connection = await asyncpg.connect(quick.database_url)
    try:
        rows = {row["event_id"]: row for row in await connection.fetch("SELECT * FROM conversation_embeddings")}
    finally:
        await connection.close()
    async with consuming(quick, Group.RECALL), await Orchestrator.connect(redis_url) as orchestrator:
        for event in events:
            row = rows[event.event_id]
            stored = (row["user_id"], row["content"], row["thread_id"], row["channel"], row["speaker"])
            assert stored == (event.user_id, event.content, event.thread_id, event.channel, event.speaker)
            assert row["occurred_at"] == event.occurred_at
            assert exact(row["metadata"]) == exact(json.dumps(event.metadata))
            (message,) = [m for m in await window_of(redis, event.scope) if m["event_id"] == event.event_id]
            assert (message["content"], message.get("speaker")) == (event.content, event.speaker)
            others = [other.event_id for other in events if other is not event]  # so that the event is the only turn
            context = await orchestrator.recall(event.scope, "hello", window=0, exclude=others, deadline=20)
            assert context.missing == ()
            (turn,) = context.turns
            assert turn.content in event.content  # a long one may come as an excerpt


def exact(text: str) -> object:
    """Return JSON with every digit of its numbers: jsonb writes them out, Python uses powers of ten."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


async def test_a_text_that_the_model_fails_on_is_dead_lettered_alone(
    quick: Settings, redis: Redis, redis_url: str, scope: Scope
) -> None:
    """A row needs an embedding. The window needs none, and holds the message as long as Redis does."""
    for number in range(4):
        await append(redis, event_of(scope, f"e{number}"))
    poison = await append(redis, event_of(scope, "bad", f"What is {RAISE_MARKER}?"))
    await append(redis, event_of(scope, "e4"))
    await consume_all(quick, redis)
    await check_letters(redis, Group.EMBED, {poison: "the model cannot embed the text: ValueError: the text holds"})
    await check_letters(redis, Group.WINDOW, {})
    assert await stored_events(quick.database_url or "", scope) == ["e0", "e1", "e2", "e3", "e4"]
    assert await window_events(redis, scope) == ["e0", "e1", "e2", "e3", "bad", "e4"]

    await redis.delete(keys.window(scope))
    async with consuming(quick, *_BOTH), await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(scope, "e5"))
        await wait_until(lambda: consumed(redis, *_BOTH))
    assert await window_events(redis, scope) == ["e0", "e1", "e2", "e3", "e4", "e5"]


async def test_a_row_that_the_database_refuses_is_dead_lettered_alone(
    quick: Settings, redis: Redis, scope: Scope
) -> None:
    """Even a constraint that an operator added concerns that row alone."""
    connection = await asyncpg.connect(quick.database_url)
    try:
        await connection.execute("ALTER TABLE conversation_embeddings ADD CONSTRAINT polite CHECK (content <> 'damn')")
    finally:
        await connection.close()
    reasons: dict[str, str] = {}
    for number in range(9):
        await append(redis, event_of(scope, f"e{number}"))
        if number in {0, 5}:
            reasons[await append(redis, event_of(scope, f"bad{number}", "damn"))] = 'constraint "polite"'
    await consume_all(quick, redis)
    await check_letters(redis, Group.EMBED, {entry: f"{reason} (SQLSTATE 23514)" for entry, reason in reasons.items()})
    assert await stored_events(quick.database_url or "", scope) == [f"e{number}" for number in range(9)]
    assert await dead(redis, Group.WINDOW) == {}


async def test_a_query_that_the_model_fails_on_costs_only_the_turns(
    quick: Settings, redis: Redis, redis_url: str, scope: Scope
) -> None:
    """The caller gets the window and the name of the missing part. The next query is answered in full."""
    await append(redis, event_of(scope, "e0", "My cat is Minka."))
    await consume_all(quick, redis)
    async with consuming(quick, Group.RECALL), await Orchestrator.connect(redis_url) as orchestrator:
        failed = await orchestrator.recall(scope, f"cat {RAISE_MARKER}", deadline=20)
        fine = await orchestrator.recall(scope, "cat", window=0, deadline=20)
    assert "turns" in {missing.part for missing in failed.missing}
    assert [message.event_id for message in failed.window] == ["e0"]
    assert (fine.missing, [turn.event_id for turn in fine.turns]) == ((), ["e0"])
