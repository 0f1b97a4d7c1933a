"""Recall through the public client: freshness, exclusion, limits, partial answers, refusals."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator, RecallRefused, RecallTimeout
from eunoe_schema import InvalidEvent, Receipt, Scope, keys
from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, window_events
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_DEADLINE = 20.0


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


async def _publish(gateway: Gateway, scope: Scope, *contents: str) -> list[Receipt]:
    outcomes = await gateway.publish_many(event_of(scope, f"e{i}", text) for i, text in enumerate(contents))
    assert all(isinstance(outcome, Receipt) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, Receipt)]


async def test_after_waits_for_the_own_write_and_leaves_it_out(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, tenant: UUID
) -> None:
    """The reply waits until the message is in the window, and does not repeat the message."""
    scope = scope_of(tenant)
    async with consuming(settings, Group.WINDOW, Group.RECALL):
        *_, question = await _publish(gateway, scope, "My cat is Minka.", "What is my cat called?")
        context = await orchestrator.recall(scope, "What is my cat called?", after=question, deadline=_DEADLINE)
    assert context.freshness.applied is True
    assert context.freshness.latest_entry_id == question.entry_id
    assert [message.event_id for message in context.window] == ["e0"]
    messages = context.to_messages("You are Virgil.", "What is my cat called?")
    assert [message["content"] for message in messages] == [
        "You are Virgil.",
        "My cat is Minka.",
        "What is my cat called?",
    ]


async def test_after_reports_a_write_that_is_not_applied_in_time(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, tenant: UUID
) -> None:
    """No consumer of the group window runs. The reply comes in time, and says that the message is missing."""
    scope = scope_of(tenant)
    async with consuming(settings, Group.RECALL):
        (receipt,) = await _publish(gateway, scope, "Hello.")
        await orchestrator.recall(scope, "Hello?", deadline=_DEADLINE)  # the consumer has loaded its model by then
        context = await orchestrator.recall(scope, "Hello.", after=receipt, deadline=3)
    assert context.freshness.applied is False
    assert context.freshness.waited_ms > 0
    assert context.window == ()


async def test_after_an_old_write_does_not_wait(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """A message older than the first one of a full window was in it before."""
    scope = scope_of(tenant)
    async with consuming(settings, Group.WINDOW, Group.RECALL):
        receipts = await _publish(gateway, scope, *(f"Message {i}" for i in range(30)))
        await wait_until(lambda: consumed(redis, Group.WINDOW))
        context = await orchestrator.recall(scope, "Message", after=receipts[0], deadline=_DEADLINE)
    assert context.freshness.applied is True
    assert len(context.window) == 20


async def test_window_top_k_exclude_and_min_cosine_are_respected(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """Each argument limits the reply. Turns do not repeat messages of the returned window."""
    scope = scope_of(tenant)
    async with consuming(settings, *Group):
        await _publish(gateway, scope, "I like tea.", "I like coffee.", "I like juice.", "I live in Graz.")
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))

        async def recall(query: str, **options: object) -> tuple[list[str | None], list[str]]:
            context = await orchestrator.recall(scope, query, deadline=_DEADLINE, **options)  # pyright: ignore[reportArgumentType] - options are spread
            assert context.missing == ()
            return [m.event_id for m in context.window], [turn.event_id for turn in context.turns]

        assert await recall("coffee") == (["e0", "e1", "e2", "e3"], [])
        window, turns = await recall("I like coffee.", window=1)
        assert (window, turns[0], set(turns)) == (["e3"], "e1", {"e0", "e1", "e2"})
        assert await recall("I like coffee.", window=0, top_k=1) == ([], ["e1"])
        assert (await recall("I like coffee.", window=0, top_k=1, exclude=["e1"]))[1] != ["e1"]
        assert (await recall("I like coffee.", window=0, top_k=0))[1] == []
        assert (await recall("I like coffee.", window=0, min_cosine=0.99))[1] == ["e1"]
        assert (await recall("quantum chromodynamics", window=0, min_cosine=0.99))[1] == []


async def test_system_k_rule_is_a_matter_of_settings(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """EUNOE_RECALL_RANKING=cosine, TOP_K=3, MIN_COSINE=0.75: at most three turns, none below, for every request."""
    scope = scope_of(tenant)
    rule = {"recall_ranking": "cosine", "recall_top_k": 3, "recall_min_cosine": 0.75}
    async with consuming(settings.model_copy(update=rule), *Group):
        same = [f"My favourite colour is blue, number {i}." for i in range(5)]
        await _publish(gateway, scope, *same, "The weather was bad in Lisbon.")
        await wait_until(lambda: consumed(redis, Group.EMBED))
        context = await orchestrator.recall(scope, "My favourite colour is blue.", window=0, deadline=_DEADLINE)
        assert len(context.turns) == 3
        assert all(turn.cosine >= 0.75 for turn in context.turns)
        assert [turn.cosine for turn in context.turns] == sorted((t.cosine for t in context.turns), reverse=True)
        unrelated = await orchestrator.recall(scope, "Which train goes to Rome?", window=0, deadline=_DEADLINE)
        assert unrelated.turns == ()


async def test_any_number_of_calls_share_one_reply_channel(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """200 concurrent calls of eight users: each gets the reply to its own request."""
    scopes = [scope_of(tenant, f"user-{i}") for i in range(8)]
    async with consuming(settings, *Group):
        for scope in scopes:
            await _publish(gateway, scope, f"I am {scope.user_id}.")
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        asked = [scopes[i % 8] for i in range(200)]
        contexts = await asyncio.gather(
            *(orchestrator.recall(scope, "Who am I?", window=0, deadline=60) for scope in asked)
        )
        channels = await redis.pubsub_channels("eunoe:reply:*")
    assert [context.turns[0].content for context in contexts] == [f"I am {scope.user_id}." for scope in asked]
    assert len(channels) == 1


async def test_a_broken_window_is_reported_and_the_turns_are_returned(
    settings: Settings, gateway: Gateway, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """A reply with a missing part is better than none."""
    scope = scope_of(tenant)
    async with consuming(settings, Group.EMBED, Group.RECALL):
        await _publish(gateway, scope, "I live in Graz.")
        await wait_until(lambda: consumed(redis, Group.EMBED))
        await redis.set(keys.window(scope), "not a list")
        context = await orchestrator.recall(scope, "Where do I live?", deadline=_DEADLINE)
    assert [part.part for part in context.missing] == ["window"]
    assert "WRONGTYPE" in context.missing[0].reason
    assert [turn.content for turn in context.turns] == ["I live in Graz."]


async def test_an_unknown_scope_is_empty_and_an_unknown_tenant_is_refused(
    settings: Settings, orchestrator: Orchestrator, tenant: UUID
) -> None:
    """A scope without messages has an empty context. An unknown tenant gets the reason."""
    async with consuming(settings, Group.RECALL):
        context = await orchestrator.recall(scope_of(tenant, "nobody"), "Hello?", deadline=_DEADLINE)
        assert (context.window, context.turns, context.missing) == ((), (), ())
        stranger = uuid4()
        with pytest.raises(RecallRefused, match=f"{stranger} is not a registered tenant"):
            await orchestrator.recall(scope_of(stranger), "Hello?", deadline=_DEADLINE)


@pytest.mark.parametrize(
    ("query", "options", "reason"),
    [
        ("", {}, "query: String should have at least 1 character"),
        ("x" * 1_000_001, {}, "query: String should have at most 1000000 characters"),
        ("a\x00b", {}, "NUL character at index 1"),
        ("hello", {"top_k": 10_000}, r"top_k: .* less than or equal to 100 \(got 10000\)"),
        ("hello", {"deadline": 0}, "deadline_seconds: .* greater than 0"),
        ("hello", {"after": "yesterday"}, "after: String should match pattern"),
    ],
)
async def test_bad_arguments_are_refused_at_the_edge(
    orchestrator: Orchestrator, query: str, options: dict[str, object], reason: str
) -> None:
    """No request is sent: the error names the argument, what is wrong, and the value."""
    with pytest.raises(InvalidEvent, match=reason):
        await orchestrator.recall(scope_of(uuid4()), query, **options)  # pyright: ignore[reportArgumentType] - options are spread


async def test_without_a_consumer_a_recall_times_out_and_says_what_to_check(
    orchestrator: Orchestrator, tenant: UUID
) -> None:
    """The error names the deadline and the role that is missing."""
    with pytest.raises(RecallTimeout, match=r"no reply within 0.2 s: is a recall consumer running"):
        await orchestrator.recall(scope_of(tenant), "Hello?", deadline=0.2)


async def test_answered_requests_are_removed_from_the_stream(
    settings: Settings, orchestrator: Orchestrator, redis: Redis, tenant: UUID
) -> None:
    """A recall leaves nothing behind in Redis."""
    async with consuming(settings, Group.RECALL):
        for _ in range(3):
            await orchestrator.recall(scope_of(tenant), "Hello?", deadline=_DEADLINE)

        async def empty() -> bool:
            return await redis.xlen(stream(Subject.RECALL)) == 0

        await wait_until(empty)


async def test_a_lost_window_is_rebuilt_from_the_turns_when_a_message_arrives(
    settings: Settings, gateway: Gateway, redis: Redis, tenant: UUID
) -> None:
    """After a loss, the first new message is not taken for the whole window."""
    scope = scope_of(tenant)
    async with consuming(settings, Group.WINDOW, Group.EMBED):
        await _publish(gateway, scope, *(f"Message {i}" for i in range(25)))
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        before = await redis.lrange(keys.window(scope), 0, -1)
        await redis.delete(keys.window(scope))
        await gateway.publish(event_of(scope, "new", "Still there?"))
        await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
        assert await window_events(redis, scope) == [*(f"e{i}" for i in range(6, 25)), "new"]
        after = await redis.lrange(keys.window(scope), 0, -1)
    assert after[:-1] == before[1:], "a rebuilt element differs from the one that was lost"
