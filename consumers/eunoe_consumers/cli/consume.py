"""`eunoe consume ROLE...`: run consumers in this process."""

import asyncio
import os
import signal
from typing import Annotated

import typer

from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings
from eunoe_schema.streams import Group

_PARENT_CHECK_SECONDS = 1.0


def consume(
    roles: Annotated[list[Group], typer.Argument(help="One or more of: window, embed, recall.")],
    *,
    stop_with_parent: Annotated[
        bool, typer.Option(hidden=True, help="Stop when the process that started this one is gone.")
    ] = False,
) -> None:
    """Run the consumers of one or more roles in this process; start more processes to scale.

    SIGTERM and Ctrl-C finish what is in hand. The exit code is 0 after a requested stop, and 1 when a part of the
    process has died: let a supervisor start it again.
    """
    from eunoe_consumers.roles import consume as run_consumers  # noqa: PLC0415 - faststream and asyncpg

    settings = Settings()
    configure_logs(settings)
    parent = os.getppid()

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        watching = asyncio.create_task(_watch_parent(parent, stop)) if stop_with_parent else None
        await run_consumers(resolved, list(dict.fromkeys(roles)), stop)
        if watching is not None:
            watching.cancel()

    with servers(settings) as resolved:
        asyncio.run(run())


async def _watch_parent(parent: int, stop: asyncio.Event) -> None:
    """Set `stop` when the parent was killed without a chance to stop its children."""
    while os.getppid() == parent:
        await asyncio.sleep(_PARENT_CHECK_SECONDS)
    stop.set()
