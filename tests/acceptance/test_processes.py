"""Start and end of consumer processes, as an operator sees them."""

import asyncio
import signal
from uuid import UUID

from redis.asyncio import Redis

from eunoe_producers import Gateway
from eunoe_schema.streams import Group
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed, consumers, count_rows, pending
from eunoe_tests.waiting import wait_until


async def test_sigterm_finishes_entries_in_flight_and_leaves_no_consumer(
    spawned_clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """Exit code 0, no pending entry, every delivered entry applied, and no consumer name in the group."""
    cli = await spawned_clis.consume("embed", batch_entries=20, embed_batch_tokens=256)
    async with await Gateway.connect(redis_url) as gateway:
        await gateway.publish_many(event_of(scope_of(tenant), f"e{i}", f"Message {i}") for i in range(300))

    async def under_way() -> bool:
        return await count_rows(database_url) > 0

    await wait_until(under_way)
    assert cli.stop() == 0, cli.log
    assert await pending(redis, Group.EMBED) == 0
    assert await consumers(redis, Group.EMBED) == []
    (info,) = [info for info in await redis.xinfo_groups("eunoe:messages") if info["name"] == b"embed"]
    assert await count_rows(database_url) == info["entries-read"] < 300


async def test_a_killed_consumers_name_is_removed_by_another(clis: Clis, redis: Redis, tenant: UUID) -> None:
    """The name is removed when it has been idle for `consumer_idle_seconds` and has no pending entry."""
    assert tenant
    killed = await clis.consume("window")
    (name,) = await consumers(redis, Group.WINDOW)
    killed.kill()
    await clis.consume("window", consumer_idle_seconds=10)

    async def gone() -> bool:
        return name not in await consumers(redis, Group.WINDOW)

    await wait_until(gone, seconds=40)


async def test_a_lost_group_ends_the_process_with_exit_code_1(clis: Clis, redis: Redis, tenant: UUID) -> None:
    """A consumer that can never read again logs the reason and ends."""
    assert tenant
    cli = await clis.consume("window")
    await redis.flushall()
    assert await asyncio.to_thread(cli.process.wait, 60) == 1
    assert "the stream was deleted" in cli.log


async def test_consumers_refuse_a_database_that_is_not_migrated(clis: Clis, empty_database_url: str) -> None:
    """They do not migrate: the exit code is 2, and the error names the command."""
    code, log = await asyncio.to_thread(clis.run, "consume", "window", database_url=empty_database_url)
    assert code == 2
    assert "run `eunoe migrate up`" in log
    assert "Traceback" not in log


async def test_consumers_refuse_a_model_of_another_width(clis: Clis) -> None:
    """Setting, model and column are compared at the start: a mismatch is an error before anything is consumed."""
    code, log = await asyncio.to_thread(clis.run, "consume", "embed", embedding_dimensions=768)
    assert code == 2
    assert "384 dimensions" in log
    assert "768" in log


async def test_one_server_configured_and_the_other_not_is_refused(clis: Clis) -> None:
    """This prevents a production Redis with an embedded database by mistake."""
    code, log = await asyncio.to_thread(clis.run, "consume", "window", database_url=None)
    assert code == 2
    assert "EUNOE_DATABASE_URL is not set" in log


async def test_an_unreachable_server_is_one_line_without_a_traceback(clis: Clis) -> None:
    """The message names the server and the reason."""
    unreachable = "redis://127.0.0.1:1/0"
    code, log = await asyncio.to_thread(clis.run, "tenant", "list", redis_url=unreachable, start_timeout_seconds=0.5)
    assert code == 1
    assert "Redis is not reachable" in log
    assert "Traceback" not in log


async def test_consumers_reconnect_when_redis_closes_their_connections(
    clis: Clis, redis: Redis, redis_url: str, database_url: str, tenant: UUID
) -> None:
    """Events that are published afterwards are applied."""
    cli = await clis.consume("window", "embed")
    await redis.client_kill_filter(_type="normal", skipme=True)
    async with await Gateway.connect(redis_url) as gateway:
        await gateway.publish(event_of(scope_of(tenant), "after"))
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    assert await count_rows(database_url) == 1
    cli.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(cli.process.wait, 60) == 0
