"""Thread records on a real server, with many concurrent callers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_producers import Gateway, GatewayOptions, PublishLimits, RateLimited
from eunoe_producers.threads import (
    Allowed,
    AlreadyAnswered,
    AlreadyResolved,
    Answered,
    NothingPending,
    Resolved,
    StateConflict,
    ThreadOptions,
    ThreadState,
    TokensRefused,
    ToolCall,
)
from eunoe_schema import Receipt, keys
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.waiting import wait_until

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
ADA = scope_of(TENANT)
CALL = ToolCall(id="c1", name="refund", arguments={"order": 7})
# At this rate the bucket gains no whole token during a test.
LIMITS = PublishLimits(rate_per_second=0.001, rate_burst=20)


@pytest.fixture
async def both(redis_url: str) -> AsyncIterator[tuple[ThreadState, ThreadState]]:
    """The accessors of two processes."""
    options = ThreadOptions(limits=LIMITS)
    async with (
        await ThreadState.connect(redis_url, options) as one,
        await ThreadState.connect(redis_url, options) as other,
    ):
        yield one, other


@pytest.fixture
def threads(both: tuple[ThreadState, ThreadState]) -> ThreadState:
    """The accessors of one process."""
    return both[0]


async def expire(redis: Redis, key: str) -> None:
    """Make a key expire now, and wait until it is gone."""
    assert await redis.pexpire(key, 1), f"{key} does not exist"

    async def is_gone() -> bool:
        return not await redis.exists(key)

    await wait_until(is_gone, what=f"the expiry of {key}")


async def test_fifty_concurrent_calls_take_exactly_the_burst(both: tuple[ThreadState, ThreadState]) -> None:
    """The other calls learn when to try again."""
    outcomes = await asyncio.gather(*(both[i % 2].rate_limiter.acquire(TENANT, "slack") for i in range(50)))
    allowed = [outcome for outcome in outcomes if isinstance(outcome, Allowed)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, TokensRefused)]
    assert (len(allowed), len(refused)) == (20, 30)
    # Each call took its own token. A rate of 0.001 per second adds less than one token.
    assert sorted(int(outcome.tokens_left) for outcome in allowed) == list(range(20))
    assert all(900 < outcome.retry_after_seconds <= 1000 for outcome in refused)


async def test_publishing_and_the_limiter_share_the_burst(threads: ThreadState, redis: Redis, redis_url: str) -> None:
    """Concurrent events and calls take exactly the burst together."""
    await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT))
    async with await Gateway.connect(redis_url, GatewayOptions(limits=LIMITS)) as gateway:
        published, acquired = await asyncio.gather(
            gateway.publish_many([event_of(ADA, f"e{i}", channel="slack") for i in range(15)]),
            asyncio.gather(*(threads.rate_limiter.acquire(TENANT, "slack") for _ in range(15))),
        )
    assert {type(outcome) for outcome in published} <= {Receipt, RateLimited}
    receipts = sum(isinstance(outcome, Receipt) for outcome in published)
    assert receipts + sum(isinstance(outcome, Allowed) for outcome in acquired) == 20


async def test_a_claim_has_one_owner(both: tuple[ThreadState, ThreadState], redis: Redis) -> None:
    """Two processes that get one event many times handle it once, until the claim expires."""
    won = await asyncio.gather(*(both[i % 2].once.first_time(ADA, "e1") for i in range(40)))
    assert sum(won) == 1
    (claim,) = [key.decode() for key in cast("list[bytes]", await redis.keys(f"{TENANT}:dedup:*"))]
    assert 24 * 3600 - 60 < await redis.ttl(claim) <= 24 * 3600
    await expire(redis, claim)
    assert await both[1].once.first_time(ADA, "e1")


async def test_claims_and_publications_do_not_affect_each_other(
    threads: ThreadState, redis: Redis, redis_url: str
) -> None:
    """A claimed event is published once, and its entry id is found."""
    await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT))
    assert await threads.once.first_time(ADA, "e1")
    async with await Gateway.connect(redis_url) as gateway:
        receipts = await asyncio.gather(*(gateway.publish(event_of(ADA, "e1")) for _ in range(5)))
    assert Counter(receipt.duplicate for receipt in receipts) == {False: 1, True: 4}
    assert {receipt.entry_id for receipt in receipts} == {await threads.once.published_as(ADA, "e1")}
    assert not await threads.once.first_time(ADA, "e1")


async def test_of_concurrent_saves_of_a_version_one_succeeds(both: tuple[ThreadState, ThreadState]) -> None:
    """The others conflict and learn the stored version."""
    start = await both[0].sessions.save(TENANT, "t", {"by": -1}, 0)
    outcomes = await asyncio.gather(
        *(both[i % 2].sessions.save(TENANT, "t", {"by": i}, start) for i in range(20)), return_exceptions=True
    )
    ((winner, version),) = [(i, outcome) for i, outcome in enumerate(outcomes) if isinstance(outcome, int)]
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, StateConflict)]
    assert [conflict.current_version for conflict in conflicts] == [version] * 19
    assert await both[1].sessions.load(TENANT, "t") == ({"by": winner}, version)


async def test_no_update_is_lost(both: tuple[ThreadState, ThreadState]) -> None:
    """Callers that repeat load, change and save until it succeeds lose no increment."""

    async def increment(threads: ThreadState) -> None:
        while True:
            state, version = await threads.sessions.load(TENANT, "t")
            count = state.get("count", 0)
            assert isinstance(count, int)
            try:
                await threads.sessions.save(TENANT, "t", {"count": count + 1}, version)
            except StateConflict:
                continue
            return

    await asyncio.gather(*(increment(both[i % 2]) for i in range(20)))
    assert (await both[0].sessions.load(TENANT, "t")).state == {"count": 20}


async def test_an_expired_state_conflicts_with_an_old_copy(threads: ThreadState, redis: Redis) -> None:
    """A caller with an old copy gets a conflict and can begin anew."""
    version = await threads.sessions.save(TENANT, "t", {"a": 1}, 0, expires_after_seconds=60)
    await expire(redis, keys.session(TENANT, "t"))
    assert await threads.sessions.load(TENANT, "t") == ({}, 0)
    with pytest.raises(StateConflict) as caught:
        await threads.sessions.save(TENANT, "t", {"a": 2}, version)
    assert caught.value.current_version == 0
    assert await threads.sessions.save(TENANT, "t", {"a": 2}, 0) > version


async def test_an_engagement_expires(threads: ThreadState, redis: Redis) -> None:
    """After that, the agent must be mentioned again."""
    await threads.engaged.engage(TENANT, "t", expires_after_seconds=60)
    assert await threads.engaged.is_engaged(TENANT, "t")
    await expire(redis, keys.engaged(TENANT, "t"))
    assert not await threads.engaged.is_engaged(TENANT, "t")


async def test_of_concurrent_resolves_one_succeeds(both: tuple[ThreadState, ThreadState]) -> None:
    """The others learn that it was resolved."""
    await both[0].escalations.escalate(TENANT, "t", kind="human", target="support", reason="asks for a refund")
    outcomes = await asyncio.gather(*(both[i % 2].escalations.resolve(TENANT, "t") for i in range(20)))
    assert Counter(map(type, outcomes)) == {Resolved: 1, AlreadyResolved: 19}
    assert await both[1].escalations.status(TENANT, "t") is None


async def test_of_concurrent_answers_to_a_tool_call_one_counts(both: tuple[ThreadState, ThreadState]) -> None:
    """All callers agree on the winner."""
    for round_ in range(10):
        call = CALL.model_copy(update={"id": f"c{round_}"})
        await both[0].tool_confirmations.ask(TENANT, "t", call)
        second = both[1].tool_confirmations.confirm if round_ % 2 else both[1].tool_confirmations.refuse
        outcomes = await asyncio.gather(
            both[0].tool_confirmations.confirm(TENANT, "t", call.id), second(TENANT, "t", call.id)
        )
        assert Counter(map(type, outcomes)) == {Answered: 1, AlreadyAnswered: 1}
        one, other = (outcome for outcome in outcomes if not isinstance(outcome, NothingPending))
        assert one.confirmation == other.confirmation


async def test_a_question_expires(threads: ThreadState, redis: Redis) -> None:
    """A late answer confirms nothing, and the thread can be asked again."""
    await threads.tool_confirmations.ask(TENANT, "t", CALL, expires_after_seconds=60)
    await expire(redis, keys.tool_confirm(TENANT, "t"))
    assert await threads.tool_confirmations.pending(TENANT, "t") is None
    assert await threads.tool_confirmations.confirm(TENANT, "t", "c1") == NothingPending()
    assert (await threads.tool_confirmations.ask(TENANT, "t", CALL)).answer is None


async def test_large_records_are_kept(threads: ThreadState) -> None:
    """A state and arguments of 256 KiB are restored."""
    text = "é" * 120_000
    version = await threads.sessions.save(TENANT, "t", {"text": text}, 0)
    assert await threads.sessions.load(TENANT, "t") == ({"text": text}, version)
    await threads.tool_confirmations.ask(TENANT, "t", CALL.model_copy(update={"arguments": {"text": text}}))
    answered = await threads.tool_confirmations.confirm(TENANT, "t", "c1")
    assert isinstance(answered, Answered)
    assert answered.confirmation.call.arguments == {"text": text}
