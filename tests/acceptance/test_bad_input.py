"""Entries that bypass the gateway: poison is dead-lettered alone, repetitions are applied once."""

import json
from typing import cast
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from eunoe_producers import Gateway
from eunoe_schema.codec import encode
from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed, dead, dead_entries, stored_events, window_events
from eunoe_tests.waiting import wait_until

_BOTH = (Group.WINDOW, Group.EMBED)


async def _append(redis: Redis, body: bytes) -> str:
    """Append an entry without the gateway."""
    entry_id = cast("bytes", await redis.xadd(stream(Subject.MESSAGES), {"__data__": body}))
    return entry_id.decode()


def _changed(body: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(body) | changes).encode()


async def test_invalid_entries_are_dead_lettered_alone(
    clis: Clis, redis: Redis, database_url: str, tenant: UUID
) -> None:
    """Five kinds of poison each become a dead letter of each group, with its reason; all other events are applied."""
    scope = scope_of(tenant)
    good = encode(event_of(scope, "good"))
    stranger = uuid4()
    poison = {
        "not UTF-8": (b'{"content": "\xff\xfe"}', "utf-8"),
        "broken JSON": (b'{"event_id": "x", ', "Invalid JSON"),
        "unknown tenant": (_changed(good, tenant_id=str(stranger)), f"{stranger} is not a registered tenant"),
        "oversized": (_changed(good, content="x" * 40_000), "40000 characters; at most 32768"),
        "wrong schema version": (_changed(good, schema_version=2), "understands schema_version 1"),
    }
    reasons: dict[str, str] = {}
    await _append(redis, _changed(good, event_id="before"))
    for number, (body, reason) in enumerate(poison.values()):
        reasons[await _append(redis, body)] = reason
        await _append(redis, _changed(good, event_id=f"between-{number}"))

    await clis.consume("window", "embed")
    await wait_until(lambda: consumed(redis, *_BOTH))

    neighbours = ["before", *(f"between-{number}" for number in range(len(poison)))]
    assert await stored_events(database_url, scope) == neighbours
    assert await window_events(redis, scope) == neighbours
    for group in _BOTH:
        letters = await dead(redis, group)
        assert letters.keys() == reasons.keys()
        for entry_id, reason in reasons.items():
            assert reason in letters[entry_id]


async def test_a_dead_letter_keeps_the_original_entry(clis: Clis, redis: Redis, tenant: UUID) -> None:
    """It has the original bytes, the stream and entry id, the time of the first delivery and the number of attempts."""
    assert tenant
    body = b"\xff not even text"
    entry_id = await _append(redis, body)
    await clis.consume("window")
    await wait_until(lambda: consumed(redis, Group.WINDOW))
    (letter,) = await dead_entries(redis, Group.WINDOW)
    assert letter[b"entry:__data__"] == body
    assert letter[b"entry_id"].decode() == entry_id
    assert letter[b"stream"] == b"eunoe:messages"
    assert letter[b"first_seen_ms"].decode() == entry_id.partition("-")[0]
    assert letter[b"attempts"] == b"1"


@pytest.mark.parametrize("past_the_gateway", [False, True])
async def test_an_event_published_three_times_is_one_row_and_one_window_element(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID, *, past_the_gateway: bool
) -> None:
    """The gateway appends one entry. Three entries without the gateway have the effect of one."""
    scope = scope_of(tenant)
    event = event_of(scope, "once", "Only once, please.")
    if past_the_gateway:
        for _ in range(3):
            await _append(redis, encode(event))
    else:
        async with await Gateway.connect(redis_url) as gateway:
            receipts = [await gateway.publish(event) for _ in range(3)]
        assert [receipt.duplicate for receipt in receipts] == [False, True, True]
        assert len({receipt.entry_id for receipt in receipts}) == 1
    await clis.consume("window", "embed")
    await wait_until(lambda: consumed(redis, *_BOTH))
    assert await stored_events(database_url, scope) == ["once"]
    assert await window_events(redis, scope) == ["once"]


async def test_equal_message_ids_of_two_users_are_two_messages(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """Channels number the messages of each chat, so that users have equal ids."""
    ada, ben = scope_of(tenant, "ada"), scope_of(tenant, "ben")
    async with await Gateway.connect(redis_url) as gateway:
        for number in range(5):
            for scope in (ada, ben):
                receipt = await gateway.publish(event_of(scope, f"{number}", f"{scope.user_id} says {number}"))
                assert not receipt.duplicate
    await clis.consume("window", "embed")
    await wait_until(lambda: consumed(redis, *_BOTH))
    for scope in (ada, ben):
        assert await stored_events(database_url, scope) == ["0", "1", "2", "3", "4"]
        assert await window_events(redis, scope) == ["0", "1", "2", "3", "4"]
