"""The application `eunoe`: its commands, its exit codes and its error messages."""

import contextlib
import signal
import sys
from collections.abc import Generator
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from eunoe_consumers.cli import (
    asyncapi,
    consume,
    dead,
    demo,
    health,
    index,
    janitor,
    lag,
    migrate,
    publish,
    recall,
    replay,
    settings,
    tenant,
    up,
)
from eunoe_consumers.cli.console import errors, escape_controls, lines, print_plain, replace_unencodable
from eunoe_consumers.cli.failures import explain
from eunoe_consumers.cli.memory.commands import app as memory

_SIGNAL_BASE = 128


class _Commands(TyperGroup):
    """All commands. What was typed is shown escaped in the messages about wrong usage."""

    def make_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as click declares it
        """Read the arguments."""
        with _escaped_messages():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as click declares it
        """Run the command that the arguments name."""
        with _escaped_messages():
            return super().invoke(ctx)


@contextlib.contextmanager
def _escaped_messages() -> Generator[None]:
    try:
        yield
    except Exception as error:
        # click's errors: their module depends on the version of typer.
        if hasattr(error, "format_message") and isinstance(message := getattr(error, "message", None), str):
            error.__dict__["message"] = escape_controls(message, keep="\n")
        raise


app = typer.Typer(
    name="eunoe",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Conversational memory for agents: a stream processor on Redis Streams, fastembed and pgvector.",
    epilog="Without EUNOE_REDIS_URL and EUNOE_DATABASE_URL, commands use embedded servers in the data folder. "
    "Exit codes: 0 done; 1 failed (health: a check fails; replay: lines were refused); 2 wrong usage or "
    "configuration; 128 + N ended by signal N (130: Ctrl-C). `eunoe --install-completion` adds shell completion. "
    "Example: eunoe demo",
)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command(epilog=up.EXAMPLES)(up.up)
app.command(epilog=consume.EXAMPLES)(consume.consume)
app.add_typer(migrate.app, name="migrate")
app.add_typer(tenant.app, name="tenant")
app.command(epilog=publish.EXAMPLES)(publish.publish)
app.command(epilog=recall.EXAMPLES)(recall.recall)
app.add_typer(memory, name="memory")
app.command(epilog=replay.EXAMPLES)(replay.replay)
app.command(epilog=lag.EXAMPLES)(lag.lag)
app.add_typer(dead.app, name="dead")
app.add_typer(janitor.app, name="janitor")
app.command(epilog=index.EXAMPLES)(index.index)
app.command(epilog=health.EXAMPLES)(health.health)
app.command(epilog=settings.EXAMPLES)(settings.settings)
app.command(epilog=asyncapi.EXAMPLES)(asyncapi.asyncapi)


def main() -> None:
    """Run a command. An error that the user can fix is one line that says what to do."""
    replace_unencodable()
    # SystemExit instead of the default action, so that embedded servers and child processes are stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(_SIGNAL_BASE + signal.SIGINT)
    except Exception as error:  # a bug keeps its traceback
        if (found := explain(error)) is None:
            raise
        _fail(*found)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_SIGNAL_BASE + number)


def _fail(message: str, code: int) -> NoReturn:
    # The log of a server has several lines. Values are quoted in every other message.
    print_plain(lines(f"eunoe: {message}"), style="red", console=errors)
    sys.exit(code)
