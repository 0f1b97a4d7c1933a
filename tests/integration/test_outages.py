"""An outage of Redis: a gateway waits for its end, within a time limit."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from eunoe_producers import Gateway, GatewayOptions, RedisRefused, RedisUnavailable
from eunoe_schema import keys
from eunoe_schema.streams import Subject, stream
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.valkeys import Valkey
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A Valkey of this test alone."""
    with TemporaryDirectory(prefix="eunoe-tests-") as folder, ExitStack() as stack:
        yield Valkey(Path(folder), stack)


async def test_a_publish_outlasts_an_outage_and_appends_once(valkey: Valkey) -> None:
    """The call returns its receipt once Redis is back. Nothing is lost or doubled."""
    scope = scope_of(uuid4())
    async with await Gateway.connect(valkey.url) as gateway:
        async with Redis.from_url(valkey.url) as redis:
            await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(scope.tenant_id))
        before = await gateway.publish(event_of(scope, "before"))
        valkey.kill()
        publishing = asyncio.create_task(gateway.publish(event_of(scope, "during")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(publishing), 1)
        await asyncio.to_thread(valkey.start)
        during = await publishing
        assert not during.duplicate
        assert (await gateway.publish(event_of(scope, "before"))).entry_id == before.entry_id
        async with Redis.from_url(valkey.url) as redis:

            async def entries() -> list[bytes]:
                found = cast("list[tuple[bytes, object]]", await redis.xrange(stream(Subject.MESSAGES)))
                return [entry_id for entry_id, _ in found]

            assert await wait_until(entries) == [before.entry_id.encode(), during.entry_id.encode()]


async def test_a_long_outage_raises_with_server_and_time(valkey: Valkey) -> None:
    """After `retry_seconds` the error names the server and the time."""
    options = GatewayOptions(retry_seconds=0.5)
    async with await Gateway.connect(valkey.url, options) as gateway:
        valkey.kill()
        with pytest.raises(RedisUnavailable, match=r"Redis at redis://127.0.0.1:\d+/0 did not answer for 0.5 s"):
            await gateway.publish(event_of(scope_of(uuid4()), "e1"))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:6379", "is not a Redis URL"),
        ("redis://[::1", "is not a Redis URL"),
        ("redis://:secret/p@ss@127.0.0.1:1/0", r"redis://:\*\*\*@127.0.0.1:1/0 is not a Redis URL"),
        ("redis://127.0.0.1:1/0?password=secret", r"password=\*\*\* did not answer"),
        ("redis://user:secret@127.0.0.1:1/0", r"redis://user:\*\*\*@127.0.0.1:1/0 did not answer for 0.2 s"),
    ],
)
async def test_a_wrong_url_is_named_without_its_password(url: str, reason: str) -> None:
    """The message names the URL with the password masked."""
    with pytest.raises(RedisUnavailable, match=reason) as raised:
        await Gateway.connect(url, GatewayOptions(retry_seconds=0.2))
    assert "secret" not in str(raised.value)


async def test_a_refusal_of_redis_is_raised_at_once(redis: Redis, redis_url: str) -> None:
    """If its memory is full, the error quotes Redis, and the call is not repeated."""
    scope = scope_of(uuid4())
    await redis.sadd(keys.TENANTS, keys.REGISTRY_MARK, str(scope.tenant_id))
    async with await Gateway.connect(redis_url) as gateway:
        await redis.config_set("maxmemory", "1")
        try:
            with pytest.raises(RedisRefused, match=r"refused the command: .*maxmemory"):
                await gateway.publish(event_of(scope, "e1"))
        finally:
            await redis.config_set("maxmemory", "0")
