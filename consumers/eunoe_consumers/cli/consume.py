"""`eunoe consume ROLE...`: run consumers in this process."""

import asyncio
import contextlib
import os
import signal
from typing import Annotated

import typer

from eunoe_consumers.cli.failures import explain
from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.processes.supervisor import report_failure
from eunoe_consumers.settings import Settings

EXAMPLES = "Examples: eunoe consume window embed; eunoe consume recall"
_PARENT_CHECK_SECONDS = 1.0


def consume(
    roles: Annotated[list[ProcessRole], typer.Argument(help="One or more of: window, embed, recall, curate, janitor.")],
    *,
    supervisor: Annotated[int | None, typer.Option(hidden=True, help="Stop when this process has ended.")] = None,
    report: Annotated[int | None, typer.Option(hidden=True, help="Pipe for the reason of a failure.")] = None,
) -> None:
    """Run the consumers of one or more roles in this process. To scale, start more processes.

    SIGTERM and Ctrl-C let the process finish the entries it works on. The exit code is 0 after a requested stop. It is
    1 if a part of the process has died; let a supervisor start the process again.
    """
    try:
        _consume(list(dict.fromkeys(roles)), supervisor)
    except Exception as error:
        # The supervisor says it once, also if several roles fail for the same reason.
        if report is None or (found := explain(error)) is None:
            raise
        message, code = found
        report_failure(report, message)
        raise typer.Exit(code) from None


def _consume(roles: list[ProcessRole], supervisor: int | None) -> None:
    from eunoe_consumers.roles import consume as run_consumers  # noqa: PLC0415 - faststream and asyncpg

    settings = Settings()
    configure_logs(settings)

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        watching = asyncio.create_task(_stop_without(supervisor, stop)) if supervisor else None
        await run_consumers(resolved, roles, stop)
        if watching is not None:
            watching.cancel()

    with servers(settings) as resolved:
        asyncio.run(run())


async def _stop_without(supervisor: int, stop: asyncio.Event) -> None:
    """Set `stop` when the supervisor has ended. A killed supervisor cannot stop its children itself."""
    while not stop.is_set() and os.getppid() == supervisor:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _PARENT_CHECK_SECONDS)
    stop.set()
