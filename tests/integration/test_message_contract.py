"""What a gateway publishes, seen by an orchestrator: its fields, its ids, its length."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import MessageEvent, Receipt, keys
from eunoe_schema.events import DEFAULT_CONTENT_CHARS
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, dead
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_DEADLINE = 20.0


@pytest.fixture
def hashed(settings: Settings) -> Settings:
    """Settings of consumers with the hash embedder."""
    return settings.model_copy(update={"embedder": "hash", "purpose": "test"})


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway."""
    async with await Gateway.connect(redis_url) as gateway:
        yield gateway


@pytest.fixture
async def orchestrator(redis_url: str) -> AsyncIterator[Orchestrator]:
    """An orchestrator."""
    async with await Orchestrator.connect(redis_url) as orchestrator:
        yield orchestrator


async def test_thread_channel_and_metadata_come_back(
    hashed: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """In the window, in a window that PostgreSQL rebuilds, and in turns."""
    scope = scope_of(tenant)
    full = {"thread_id": "C042:17", "channel": "slack", "session_id": "s"}
    metadata: dict[str, Any] = {"files": [{"name": "é.png", "bytes": 7, "url": None}], "n": 1.5, "x": {"y": [[True]]}}
    nothing: dict[str, Any] = {}
    async with consuming(hashed, *Group):
        await gateway.publish(event_of(scope, "e0", "My cat is called Minka.", **full, metadata=metadata))
        await gateway.publish(event_of(scope, "e1", "The weather is fine.", **full))
        await gateway.publish(event_of(scope, "e2", "Good night."))
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        live = await orchestrator.recall(scope, "cat", deadline=_DEADLINE)
        await redis.delete(keys.window(scope))
        rebuilt = await orchestrator.recall(scope, "cat", deadline=_DEADLINE)
        found = await orchestrator.recall(scope, "Minka", window=0, deadline=_DEADLINE)
    expected = [("C042:17", "slack", metadata), ("C042:17", "slack", nothing), (None, None, nothing)]
    for context in (live, rebuilt):
        assert [(m.thread_id, m.channel, m.metadata) for m in context.window] == expected
    turns = sorted(found.turns, key=lambda turn: turn.event_id)
    assert [(turn.thread_id, turn.channel, turn.metadata) for turn in turns] == expected


async def test_a_conflict_after_the_dedup_period_is_never_applied_in_silence(
    hashed: Settings, orchestrator: Orchestrator, redis: Redis, redis_url: str, tenant: UUID
) -> None:
    """The gateway has forgotten the event id. A repeated message changes nothing; another one is dead-lettered."""
    scope = scope_of(tenant)
    first = event_of(scope, "17", "My cat is called Minka.", thread_id="a")

    async def forgetting(event: MessageEvent) -> Receipt:
        await redis.delete(keys.dedup(scope, event.event_id))
        receipt = await gateway.publish(event)
        assert (receipt.duplicate, receipt.conflict) == (False, False)
        return receipt

    async with consuming(hashed, *Group), await Gateway.connect(redis_url) as gateway:
        await gateway.publish(first)
        conflict = await gateway.publish(first.model_copy(update={"content": "edited"}))
        again = await forgetting(first.model_copy(update={"metadata": {"attempt": 2}}))
        same = await orchestrator.recall(scope, "cat", after=again, deadline=_DEADLINE)
        told = await orchestrator.recall(scope, "edited", after=conflict, deadline=_DEADLINE)
        others = [
            await forgetting(first.model_copy(update=changed))
            for changed in ({"content": "My dog is called Rex."}, {"thread_id": "b"}, {"role": "assistant"})
        ]
        contexts = [await orchestrator.recall(scope, "dog", after=other, deadline=_DEADLINE) for other in others]
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        letters = [await dead(redis, group) for group in (Group.WINDOW, Group.EMBED)]
        final = await orchestrator.recall(scope, "dog", deadline=_DEADLINE)
    assert (conflict.conflict, told.freshness.applied) == (True, False)
    assert "'17' was not published" in (told.freshness.reason or "")
    assert [message.event_id for message in told.window] == ["17"]
    assert (same.freshness.applied, same.freshness.reason) == (True, None)
    for context in contexts:
        assert context.freshness.applied is False
        assert (context.freshness.reason or "").startswith("conflict: event_id '17' names another message")
    for found in letters:
        assert set(found) == {other.entry_id for other in others}
        assert all(reason.startswith("conflict: event_id '17' names another message") for reason in found.values())
    assert [(message.content, message.thread_id) for message in final.window] == [("My cat is called Minka.", "a")]


_FILLER = "The minutes of the meeting mention the weather, the coffee and the colour of the new chairs. "
_QUESTION = "What is my cat called?"


async def test_a_message_of_any_length_is_also_a_query(
    hashed: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """A question at either end of a long message is answered, and the reply says how much of the message was used."""
    scope = scope_of(tenant)
    longest = DEFAULT_CONTENT_CHARS
    messages = {
        "question at the end": (_FILLER * 400)[: longest - len(_QUESTION)] + _QUESTION,
        "question at the beginning": (_QUESTION + " " + _FILLER * 400)[:longest],
        "a character too many": "x" * 8_193,
        "Chinese": "\u4f60\u4f4f\u5728\u54ea\u91cc" * (longest // 5),
        "emoji": "\U0001f408" * longest,
        "punctuation": "?" * longest,
        "one piece too many": (_FILLER * 60)[:5_000],
        "names and dates": ("Ada said on 3 May 2031 that " * 1_200)[:longest],
    }
    short = _QUESTION + " " + _FILLER * 3
    async with consuming(hashed, *Group):
        await gateway.publish(event_of(scope, "fact", "My cat is called Minka.", speaker="Ada"))
        await gateway.publish_many([event_of(scope, f"other{n}", f"I painted wall {n} red.") for n in range(15)])
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        receipt = await gateway.publish(event_of(scope, "asked", messages["question at the end"]))
        contexts = {
            name: await orchestrator.recall(scope, content, after=receipt, window=0, deadline=_DEADLINE)
            for name, content in messages.items()
        }
        whole = await orchestrator.recall(scope, short, window=0, exclude=["asked"], deadline=_DEADLINE)
    for name, context in contexts.items():
        assert (context.missing, context.freshness.applied) == ((), True), name
        assert context.turns, name
        assert context.query_cut is not None, name
        assert context.query_cut.query_chars == len(messages[name]), name
        assert 0 < context.query_cut.embedded_chars <= context.query_cut.searched_chars <= 8_192, name
    assert whole.query_cut is None
    for name, answer in {**contexts, "short": whole}.items():
        if "question" in name or name == "short":
            assert "fact" in [turn.event_id for turn in answer.turns[:3]], name
