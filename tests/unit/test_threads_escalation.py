"""Escalations, on a Redis in memory."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers.threads import AlreadyResolved, Escalations, NotEscalated, Resolved, ThreadState
from eunoe_schema import InvalidEvent, keys
from eunoe_tests.events import OTHER_AGENT

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("b0000000-0000-4000-8000-000000000002")
KEY = keys.escalation(TENANT, "t")


@pytest.fixture
async def redis() -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        yield redis


@pytest.fixture
def escalations(redis: FakeAsyncRedis) -> Escalations:
    """The accessor."""
    return ThreadState(redis, place="test").escalations


async def test_an_escalation_stays_open_until_it_is_resolved(escalations: Escalations, redis: FakeAsyncRedis) -> None:
    """It contains target, reason and time, does not expire, and belongs to one thread."""
    before = datetime.now(UTC)
    made = await escalations.escalate(TENANT, "t", kind="human", target="support", reason="asks for a refund")
    assert (made.kind, made.target, made.reason) == ("human", "support", "asks for a refund")
    assert before <= made.since <= datetime.now(UTC)
    assert await escalations.status(TENANT, "t") == made
    assert await redis.pttl(KEY) == -1
    assert await escalations.status(TENANT, "u") is None
    assert await escalations.status(OTHER_TENANT, "t") is None
    assert isinstance(await escalations.resolve(TENANT, "t"), Resolved)
    assert await escalations.status(TENANT, "t") is None


async def test_a_second_resolve_reports_the_first(escalations: Escalations, redis: FakeAsyncRedis) -> None:
    """The second call learns when the first one was, for a day."""
    assert await escalations.resolve(TENANT, "t") == NotEscalated()
    made = await escalations.escalate(TENANT, "t", kind="human", target="support", reason="r")
    first = await escalations.resolve(TENANT, "t")
    assert isinstance(first, Resolved)
    assert first.escalation.id == made.id
    assert first.escalation.resolved_at is not None
    assert await escalations.resolve(TENANT, "t") == AlreadyResolved(first.escalation)
    assert 24 * 3600 - 60 < await redis.ttl(KEY) <= 24 * 3600


async def test_a_later_escalation_replaces_the_earlier(escalations: Escalations, redis: FakeAsyncRedis) -> None:
    """Resolving the old one by its id leaves the new one open."""
    old = await escalations.escalate(TENANT, "t", kind="agent", target=str(OTHER_AGENT), reason="billing")
    new = await escalations.escalate(TENANT, "t", kind="human", target="support", reason="angry")
    assert await escalations.status(TENANT, "t") == new
    assert await escalations.resolve(TENANT, "t", escalation_id=old.id) == NotEscalated(standing=new)
    assert await escalations.status(TENANT, "t") == new
    assert isinstance(await escalations.resolve(TENANT, "t", escalation_id=new.id), Resolved)
    assert await escalations.resolve(TENANT, "t", escalation_id=old.id) == NotEscalated()
    again = await escalations.escalate(TENANT, "t", kind="human", target="support", reason="again")
    assert await escalations.status(TENANT, "t") == again
    assert await redis.pttl(KEY) == -1  # the expiry of the resolved escalation must not apply to the new one


async def test_any_program_can_read_the_record(escalations: Escalations, redis: FakeAsyncRedis) -> None:
    """GET and a JSON parser are enough. `resolved_at` shows that it is resolved."""
    await escalations.escalate(TENANT, "t", kind="human", target="support", reason="r")
    record = json.loads(await redis.get(KEY) or "null")
    assert (record["kind"], record["target"], "resolved_at" in record) == ("human", "support", False)
    await escalations.resolve(TENANT, "t")
    assert "resolved_at" in json.loads(await redis.get(KEY) or "null")


@pytest.mark.parametrize(
    ("kind", "target", "reason", "named"),
    [
        ("robot", "support", "r", "kind"),
        ("human", "", "r", "target"),
        ("agent", "support", "r", "UUID"),
        ("human", "support", "", "reason"),
        ("human", "support", "x" * 4_097, "reason"),
        ("human", "support", "a\x00", "NUL"),
    ],
)
async def test_an_escalation_without_target_or_reason_is_refused(
    escalations: Escalations, redis: FakeAsyncRedis, kind: str, target: str, reason: str, named: str
) -> None:
    """Whom to and why are checked, and the error names what is wrong."""
    with pytest.raises(InvalidEvent, match=named):
        await escalations.escalate(TENANT, "t", kind=kind, target=target, reason=reason)  # pyright: ignore[reportArgumentType]
    assert await redis.keys() == []
