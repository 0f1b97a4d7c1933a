"""Tool calls that the user must confirm, on a Redis in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers.threads import (
    AlreadyAnswered,
    Answered,
    NothingPending,
    ThreadState,
    ToolCall,
    ToolCallPending,
    ToolConfirmations,
)
from eunoe_schema import InvalidEvent, keys

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
KEY = keys.tool_confirm(TENANT, "t")
REFUND = ToolCall(id="c1", name="refund", arguments={"order": 2**60, "items": [], "note": "ünï"})
CANCEL = ToolCall(id="c2", name="cancel", arguments={"order": 7})


@pytest.fixture
async def redis() -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        yield redis


@pytest.fixture
def confirmations(redis: FakeAsyncRedis) -> ToolConfirmations:
    """The accessor."""
    return ThreadState(redis, place="test").tool_confirmations


async def test_a_question_is_pending_until_it_is_answered(
    confirmations: ToolConfirmations, redis: FakeAsyncRedis
) -> None:
    """It returns the call unchanged, until it expires, and belongs to one thread."""
    asked = await confirmations.ask(TENANT, "t", REFUND, expires_after_seconds=60)
    assert await confirmations.pending(TENANT, "t") == asked
    assert (asked.call, asked.answer, asked.expires_at - asked.requested_at) == (REFUND, None, timedelta(seconds=60))
    assert 0 < await redis.pttl(KEY) <= 60_000
    assert await confirmations.pending(TENANT, "u") is None
    assert await confirmations.pending(OTHER_TENANT, "t") is None


async def test_a_call_is_confirmed_once(confirmations: ToolConfirmations, redis: FakeAsyncRedis) -> None:
    """The first answer gets the call. Later answers learn the first one, for a day."""
    await confirmations.ask(TENANT, "t", REFUND)
    first = await confirmations.confirm(TENANT, "t", "c1")
    assert isinstance(first, Answered)
    assert (first.confirmation.call, first.confirmation.answer) == (REFUND, "confirmed")
    assert await confirmations.confirm(TENANT, "t", "c1") == AlreadyAnswered(first.confirmation)
    assert await confirmations.refuse(TENANT, "t", "c1") == AlreadyAnswered(first.confirmation)
    assert await confirmations.pending(TENANT, "t") is None
    assert 24 * 3600 - 60 < await redis.ttl(KEY) <= 24 * 3600


async def test_a_refused_call_cannot_be_confirmed(confirmations: ToolConfirmations) -> None:
    """A refusal is final."""
    await confirmations.ask(TENANT, "t", REFUND)
    assert isinstance(await confirmations.refuse(TENANT, "t", "c1"), Answered)
    late = await confirmations.confirm(TENANT, "t", "c1")
    assert isinstance(late, AlreadyAnswered)
    assert late.confirmation.answer == "refused"


async def test_of_concurrent_answers_one_counts(confirmations: ToolConfirmations) -> None:
    """A confirmation and a refusal that race have one winner."""
    await confirmations.ask(TENANT, "t", REFUND)
    outcomes = await asyncio.gather(
        *(answer(TENANT, "t", "c1") for answer in (confirmations.confirm, confirmations.refuse) * 5)
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyAnswered"] * 9 + ["Answered"]
    (won,) = (outcome.confirmation for outcome in outcomes if isinstance(outcome, Answered))
    assert all(not isinstance(o, NothingPending) and o.confirmation == won for o in outcomes)


async def test_an_answer_counts_only_for_the_call_that_was_shown(confirmations: ToolConfirmations) -> None:
    """An answer to another call, or without a question, has no effect."""
    assert await confirmations.confirm(TENANT, "t", "c1") == NothingPending()
    await confirmations.ask(TENANT, "t", REFUND)
    assert await confirmations.confirm(TENANT, "t", "c2") == NothingPending()
    assert await confirmations.confirm(OTHER_TENANT, "t", "c1") == NothingPending()
    assert await confirmations.pending(TENANT, "t") is not None


async def test_a_second_question_waits_or_replaces(confirmations: ToolConfirmations) -> None:
    """A thread asks about one call at a time. A replaced call can no longer be confirmed."""
    first = await confirmations.ask(TENANT, "t", REFUND)
    with pytest.raises(ToolCallPending, match=r"'refund'.*replace=True") as caught:
        await confirmations.ask(TENANT, "t", CANCEL)
    assert caught.value.pending == first
    await confirmations.ask(TENANT, "t", CANCEL, replace=True)
    assert await confirmations.confirm(TENANT, "t", "c1") == NothingPending()
    assert isinstance(await confirmations.confirm(TENANT, "t", "c2"), Answered)
    assert (await confirmations.ask(TENANT, "t", REFUND)).answer is None


async def test_asking_again_changes_nothing(confirmations: ToolConfirmations) -> None:
    """A repeated question neither asks twice nor removes an answer."""
    first = await confirmations.ask(TENANT, "t", REFUND)
    assert await confirmations.ask(TENANT, "t", REFUND, replace=True) == first
    answered = await confirmations.confirm(TENANT, "t", "c1")
    assert isinstance(answered, Answered)
    assert await confirmations.ask(TENANT, "t", REFUND) == answered.confirmation


async def test_two_calls_cannot_share_an_id(confirmations: ToolConfirmations) -> None:
    """Otherwise a click on the old question would confirm arguments that the user never saw."""
    await confirmations.ask(TENANT, "t", REFUND)
    changed = REFUND.model_copy(update={"arguments": {"order": 8}})
    with pytest.raises(InvalidEvent, match="its own id"):
        await confirmations.ask(TENANT, "t", changed, replace=True)
    await confirmations.confirm(TENANT, "t", "c1")
    with pytest.raises(InvalidEvent, match="its own id"):
        await confirmations.ask(TENANT, "t", changed)


async def test_a_withdrawn_question_cannot_be_answered(confirmations: ToolConfirmations) -> None:
    """An answered or another question cannot be withdrawn."""
    await confirmations.ask(TENANT, "t", REFUND)
    assert not await confirmations.withdraw(TENANT, "t", "c2")
    assert await confirmations.withdraw(TENANT, "t", "c1")
    assert not await confirmations.withdraw(TENANT, "t", "c1")
    assert await confirmations.confirm(TENANT, "t", "c1") == NothingPending()
    await confirmations.ask(TENANT, "t", CANCEL)
    await confirmations.refuse(TENANT, "t", "c2")
    assert not await confirmations.withdraw(TENANT, "t", "c2")


async def test_a_call_may_be_given_as_fields(confirmations: ToolConfirmations) -> None:
    """A model's JSON is validated like a `ToolCall`."""
    asked = await confirmations.ask(TENANT, "t", {"id": "c1", "name": "refund", "arguments": {"order": 1}})
    assert asked.call == ToolCall(id="c1", name="refund", arguments={"order": 1})
    with pytest.raises(InvalidEvent, match="name"):
        await confirmations.ask(TENANT, "t", {"id": "c1", "arguments": {}})
    with pytest.raises(InvalidEvent, match="arguments"):
        await confirmations.ask(TENANT, "t", {"id": "c1", "name": "n", "arguments": {"a": float("nan")}})


async def test_any_program_can_read_the_record(confirmations: ToolConfirmations, redis: FakeAsyncRedis) -> None:
    """GET and a JSON parser are enough. `answer` shows that it is answered."""
    await confirmations.ask(TENANT, "t", CANCEL)
    record = json.loads(await redis.get(KEY) or "null")
    assert (record["call"], "answer" in record) == (CANCEL.model_dump(), False)
