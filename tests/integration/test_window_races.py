"""Window consumers race for the same entries: under redelivery and disorder every window stays in stream order."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest
from redis.asyncio import Redis

from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway
from eunoe_schema import MessageEvent, Receipt, Scope
from eunoe_schema.codec import decode
from eunoe_schema.entries import EntryOrder
from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.events import OTHER_AGENT, event_of, scope_of
from eunoe_tests.roles import consuming
from eunoe_tests.stores import consumed, dead, window_of
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

_MESSAGES = stream(Subject.MESSAGES)
_CONSUMERS, _GATEWAYS, _EVENTS_PER_SCOPE = 4, 3, 120
_THEFTS = 40
_LONG_AGO_MS = 3_600_000

_Entries = list[tuple[bytes, dict[bytes, bytes]]]


class Thief:
    """Takes entries under the names of consumers that process nothing and never return."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.delivered: list[EntryOrder] = []

    async def steal(self) -> None:
        """Take new entries and some pending ones of others. Any consumer may claim all of them at once."""
        name = f"gone-{len(self.delivered)}"
        reply = await self._redis.xreadgroup(Group.WINDOW, name, {_MESSAGES: ">"}, count=9, block=100)
        new = [entry_id for _, entries in cast("list[tuple[bytes, _Entries]]", reply) for entry_id, _ in entries]
        self.delivered += [EntryOrder.parse(entry_id.decode()) for entry_id in new]
        rows = await self._redis.xpending_range(_MESSAGES, Group.WINDOW, "-", "+", 20)
        taken: list[Any] = [*new, *(row["message_id"] for row in rows)]
        if taken:
            await self._redis.xclaim(_MESSAGES, Group.WINDOW, name, 0, taken, idle=_LONG_AGO_MS, justid=True)

    async def rewind(self) -> None:
        """Deliver the whole stream again from its first entry."""
        await self._redis.xgroup_setid(_MESSAGES, Group.WINDOW, "0", entries_read=0)


async def _publish(redis_url: str, events: Sequence[MessageEvent]) -> None:
    """Publish events in small calls, so that entries of several gateways alternate."""
    async with await Gateway.connect(redis_url) as gateway:
        for start in range(0, len(events), 5):
            outcomes = await gateway.publish_many(events[start : start + 5])
            assert all(isinstance(outcome, Receipt) for outcome in outcomes)


async def _entries_of(redis: Redis, scope: Scope) -> list[tuple[str, str]]:
    """Return entry id and event id of each message of a scope, in stream order."""
    found: list[tuple[str, str]] = []
    for entry_id, fields in cast("_Entries", await redis.xrange(_MESSAGES)):
        event = decode(fields, MessageEvent)
        assert isinstance(event, MessageEvent)
        if event.scope == scope:
            found.append((entry_id.decode(), event.event_id))
    return found


@asynccontextmanager
async def _four_consumers(settings: Settings) -> AsyncGenerator[AsyncExitStack]:
    """Run four consumers. Yield the exit stack of the first one, so that the test can stop it early."""
    async with AsyncExitStack() as others, AsyncExitStack() as first:
        for number in range(_CONSUMERS):
            await (first if number == 0 else others).enter_async_context(consuming(settings, Group.WINDOW))
        yield first


async def test_four_racing_consumers_keep_stream_order_under_redelivery(
    settings: Settings, redis: Redis, redis_url: str, tenant: UUID, other_tenant: UUID
) -> None:
    """Entries are stolen, claimed back, redelivered and overtaken. Each window is the last messages of its scope."""
    scopes = [
        *(scope_of(tenant, user) for user in ("ada", "ben", "@cy:example.org")),
        scope_of(tenant, agent=OTHER_AGENT),
        scope_of(other_tenant),
    ]
    events = [event_of(scope, f"e{number}") for number in range(_EVENTS_PER_SCOPE) for scope in scopes]
    # Each event is published by two of three gateways, so that every event has a duplicate.
    shares = [[event for n, event in enumerate(events) if n % _GATEWAYS != skipped] for skipped in range(_GATEWAYS)]
    racing = settings.model_copy(update={"batch_entries": 7, "claim_after_seconds": 0.5})
    thief = Thief(redis)
    async with _four_consumers(racing) as first:
        await wait_until(lambda: redis.exists(_MESSAGES))
        publishing = asyncio.gather(*(_publish(redis_url, share) for share in shares))
        for theft in range(_THEFTS):
            await thief.steal()
            if theft % (_THEFTS // 4) == _THEFTS // 5:
                await thief.rewind()
            if theft == _THEFTS // 2:
                await first.aclose()  # one consumer stops in order while the race goes on
        await publishing
        await wait_until(lambda: consumed(redis, Group.WINDOW), seconds=60)
        await thief.rewind()  # deliver all entries again, after all were applied
        await wait_until(lambda: consumed(redis, Group.WINDOW), seconds=60)
    assert len(thief.delivered) > len(set(thief.delivered)) > 0, (
        "the test delivered no entry twice, so it shows nothing"
    )
    assert await dead(redis, Group.WINDOW) == {}
    for scope in scopes:
        entries = await _entries_of(redis, scope)
        assert len(entries) == _EVENTS_PER_SCOPE
        window = [(message["id"], message["event_id"]) for message in await window_of(redis, scope)]
        assert window == entries[-settings.window_messages :]
