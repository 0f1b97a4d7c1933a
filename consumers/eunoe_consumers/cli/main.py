"""The application `eunoe`: its commands, its exit codes, and how errors reach a terminal."""

import re
import signal
import sys
from importlib import metadata
from types import FrameType
from typing import NoReturn

import typer
from pydantic import ValidationError

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
from eunoe_consumers.cli.console import errors
from eunoe_consumers.cli.memory.group import app as memory
from eunoe_consumers.errors import ConfigurationError
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.validation import describe

FAILED = 1
MISCONFIGURED = 2
_SIGNAL_BASE = 128
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+).*extra == ['\"]([a-z-]+)['\"]")

app = typer.Typer(
    name="eunoe",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Conversational memory for agents: a stream processor over Redis Streams, fastembed and pgvector.",
    epilog="Exit codes: 0 done, 1 failed (health: something fails; replay: lines were refused), 2 wrong usage or "
    "configuration, 128 + N ended by signal N (130: Ctrl-C). "
    "Without EUNOE_REDIS_URL and EUNOE_DATABASE_URL, commands use embedded servers in the data folder. "
    "Completion: `eunoe --install-completion`.",
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(consume.consume)
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
app.command()(asyncapi.asyncapi)


def main() -> None:
    """Run a command; an error that a user can cause is one line that says what to do."""
    # An exception, so that embedded servers and child processes are stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        app()
    except (ConfigurationError, InvalidEvent) as error:
        _fail(str(error), MISCONFIGURED)
    except (EunoeError, OSError) as error:  # OSError: a file; what servers do has been wrapped
        _fail(str(error) or type(error).__name__, FAILED)
    except ValidationError as error:  # of the settings
        _fail(f"a setting is wrong (EUNOE_<NAME>): {describe(error)}", MISCONFIGURED)
    except KeyboardInterrupt:
        sys.exit(_SIGNAL_BASE + signal.SIGINT)
    except Exception as error:  # what is a user's to mend and not ours by type; anything else is raised again
        if (found := _of_others(error)) is None:
            raise
        _fail(*found)


def _of_others(error: Exception) -> tuple[str, int] | None:
    """Return message and exit code of an error that is not ours and yet a user's to mend; None for a bug."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("eunoe"):
        return f"the package {error.name} is missing: install eunoe[{extra_of(error.name)}]", MISCONFIGURED
    # What a command's own use of redis-py lets through. Told by its module: an import here would slow every command.
    if type(error).__module__.startswith("redis."):
        return f"Redis: {error}", FAILED
    return None


def extra_of(module: str) -> str:
    """Return the extra whose installation brings a module."""
    wanted = module.partition(".")[0].replace("_", "-").lower()
    for line in metadata.requires("eunoe") or []:
        found = _REQUIREMENT.match(line)
        if found and found[1].replace("_", "-").lower() == wanted:
            return found[2]
    return "consumers"


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_SIGNAL_BASE + number)


def _fail(message: str, code: int) -> NoReturn:
    errors.print(f"eunoe: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
