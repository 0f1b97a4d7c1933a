"""Consumers in the test's own process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.roles import consume
from eunoe_consumers.settings import Settings
from eunoe_schema.streams import Group


@asynccontextmanager
async def consuming(settings: Settings, *groups: Group | ProcessRole) -> AsyncGenerator[None]:
    """Consume until the block ends. An error of the consumers fails the test."""
    stop = asyncio.Event()
    running = asyncio.create_task(consume(settings, [ProcessRole(group) for group in groups], stop))
    try:
        yield
    finally:
        stop.set()
        await running
