"""The application `eunoe`: its commands, its exit codes, and how errors reach a terminal."""

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from pydantic import ValidationError

from eunoe_consumers.cli import consume, demo, migrate, tenant, up
from eunoe_consumers.cli.console import errors
from eunoe_consumers.errors import ConfigurationError
from eunoe_schema.codec import describe
from eunoe_schema.errors import EunoeError

FAILED = 1
MISCONFIGURED = 2
_SIGNAL_BASE = 128

app = typer.Typer(
    name="eunoe",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Conversational memory for agents: a stream processor over Redis Streams, fastembed and pgvector.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 128 + N ended by signal N. "
    "Without EUNOE_REDIS_URL and EUNOE_DATABASE_URL, commands use embedded servers in the data folder.",
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(consume.consume)
app.add_typer(migrate.app, name="migrate")
app.add_typer(tenant.app, name="tenant")


def main() -> None:
    """Run a command; an error that a user can cause is one line that says what to do."""
    # An exception, so that embedded servers and child processes are stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        app()
    except ConfigurationError as error:
        _fail(str(error), MISCONFIGURED)
    except EunoeError as error:
        _fail(str(error), FAILED)
    except ValidationError as error:  # of the settings
        _fail(f"a setting is wrong (EUNOE_<NAME>): {describe(error)}", MISCONFIGURED)
    except KeyboardInterrupt:
        sys.exit(_SIGNAL_BASE + signal.SIGINT)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_SIGNAL_BASE + number)


def _fail(message: str, code: int) -> NoReturn:
    errors.print(f"eunoe: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
