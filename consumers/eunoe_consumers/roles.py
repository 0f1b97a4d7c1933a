"""Assemble a consumer process from its roles. Two tables name the room that builds the work of each role."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, TypeVar

from redis.asyncio import Redis

from eunoe_consumers.delivery.process import ConsumerProcess
from eunoe_consumers.delivery.processor import GroupWork
from eunoe_consumers.delivery.redis_client import connect_redis
from eunoe_consumers.delivery.stream_group import StreamGroup, consumer_name
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.delivery.worker import Worker, cancel_bounded
from eunoe_consumers.embed.build import build as build_embed
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.janitor.build import build as build_janitor
from eunoe_consumers.memories.build import build as build_curate
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.schema_check import open_database
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.recall.build import build as build_recall
from eunoe_consumers.settings import Settings
from eunoe_consumers.window.build import build as build_window

ResultT = TypeVar("ResultT")
BuildGroup: TypeAlias = Callable[[Settings, Redis, Database], Awaitable[GroupWork[Any]]]

# Roles that serve the consumer group of the same name.
GROUPS: Mapping[ProcessRole, BuildGroup] = {
    ProcessRole.WINDOW: build_window,
    ProcessRole.EMBED: build_embed,
    ProcessRole.RECALL: build_recall,
    ProcessRole.CURATE: build_curate,
}
# Roles that read no stream: they run until they are cancelled.
DUTIES: Mapping[ProcessRole, Callable[[Settings, Database], Callable[[], Awaitable[None]]]] = {
    ProcessRole.JANITOR: lambda settings, database: build_janitor(settings, database).run,
}


async def consume(settings: Settings, roles: Collection[ProcessRole], stop: asyncio.Event) -> None:
    """Run the consumers of `roles` in this process until `stop` is set.

    Args:
        settings: With both URLs set.
        roles: At least one.
        stop: Ends the process in an orderly way.

    Raises:
        ConfigurationError: If a server, the schema or the model does not fit the settings.
        ConsumerDied: If a part of the process stopped for good.
    """
    if settings.redis_url is None or settings.database_url is None:
        raise ConfigurationError("EUNOE_REDIS_URL and EUNOE_DATABASE_URL must be set")
    async with AsyncExitStack() as stack:
        process = await _unless_stopped(stop, _assemble(settings, roles, stack))
        if process is not None:
            await process.run(stop)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, ResultT]) -> ResultT | None:
    """Await `work`; return None if `stop` is set first. A process that waits for a server must still stop at once."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    await cancel_bounded({task})
    return None


async def _assemble(settings: Settings, roles: Collection[ProcessRole], stack: AsyncExitStack) -> ConsumerProcess:
    """Connect to both servers and build the work of each role. `stack` closes everything in reverse order."""
    redis_url = settings.redis_url or ""
    redis = await connect_redis(redis_url, wait_seconds=settings.start_timeout_seconds)
    stack.push_async_callback(redis.aclose)
    workers: list[Worker[Any]] = []
    # Runs after PostgreSQL's connections are closed and before Redis' client is: see `Worker.abandon`.
    stack.push_async_callback(_abandon, workers)
    database = await stack.enter_async_context(
        open_database(settings.database_url or "", settings, embedding_dimensions=settings.embedding_dimensions)
    )
    registry = TenantRegistry(redis, TenantTable(database))
    await registry.fill_if_absent()
    consumer = consumer_name()
    for role in roles:
        if (group := role.group) is not None:
            stream_group = StreamGroup(redis, group, consumer=consumer, keeps_entries=group.keeps_entries)
            work = await GROUPS[role](settings, redis, database)
            workers.append(Worker(stream_group, work, registry, settings))
    return ConsumerProcess(
        redis_url,
        redis,
        workers,
        settings,
        duties={str(role): DUTIES[role](settings, database) for role in roles if role in DUTIES},
    )


async def _abandon(workers: Collection[Worker[Any]]) -> None:
    await asyncio.gather(*(worker.abandon() for worker in workers))
