"""The gateway refuses events that no consumer group could process, and publishes no part of them."""

from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from eunoe_producers import Gateway, GatewayOptions
from eunoe_schema import InvalidEvent, MessageEvent, Receipt, keys
from eunoe_schema.codec import decode_message
from eunoe_schema.events import DEFAULT_CONTENT_CHARS
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.poison import LEGAL, POISONS

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
GOOD = event_of(scope_of(TENANT), "good").model_dump()
STREAM = "eunoe:messages"


@pytest.fixture
async def redis() -> AsyncIterator[FakeAsyncRedis]:
    """A Redis in memory that knows the tenant."""
    async with FakeAsyncRedis(server=FakeServer()) as redis:
        await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(TENANT))
        yield redis


@pytest.fixture
def gateway(redis: FakeAsyncRedis) -> Gateway:
    """A gateway with the default options."""
    return Gateway(redis, place="test", options=GatewayOptions())


async def published(redis: FakeAsyncRedis) -> list[Any]:
    """Return the entries as a consumer with the default settings decodes them."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrange(STREAM))
    return [decode_message(fields, max_content_chars=DEFAULT_CONTENT_CHARS) for _, fields in entries]


@pytest.mark.parametrize("name", POISONS)
async def test_a_poison_event_is_refused_and_leaves_no_key(gateway: Gateway, redis: FakeAsyncRedis, name: str) -> None:
    """The error names the field and the problem. No entry, dedup key or session remains."""
    before = await redis.keys()
    with pytest.raises(InvalidEvent) as caught:
        await gateway.publish({**GOOD, **POISONS[name].fields})
    assert POISONS[name].at_edge in str(caught.value)
    assert str(caught.value).isprintable()
    assert await redis.keys() == before


async def test_poison_events_do_not_stop_valid_events_of_the_same_call(gateway: Gateway, redis: FakeAsyncRedis) -> None:
    """Each poison event gets its own error, and the valid ones are published in order."""
    calls: list[dict[str, Any]] = []
    for number, poison in enumerate(POISONS.values()):
        calls += [{**GOOD, "event_id": f"e{number}"}, {**GOOD, **poison.fields}]
    outcomes = await gateway.publish_many(calls)
    assert all(isinstance(outcome, Receipt) for outcome in outcomes[::2])
    assert all(isinstance(outcome, InvalidEvent) for outcome in outcomes[1::2])
    assert [event.event_id for event in await published(redis)] == [f"e{number}" for number in range(len(POISONS))]


@pytest.mark.parametrize("name", LEGAL)
async def test_unusual_but_valid_events_are_published_unchanged(
    gateway: Gateway, redis: FakeAsyncRedis, name: str
) -> None:
    """A consumer decodes the published event with its derived session."""
    given = MessageEvent.model_validate({**GOOD, **LEGAL[name]})
    assert isinstance(await gateway.publish({**GOOD, **LEGAL[name]}), Receipt)
    (event,) = await published(redis)
    derived = {} if given.session_id else {"session_id": event.session_id}
    assert event == given.model_copy(update=derived)
