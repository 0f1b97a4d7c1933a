"""The application `eunoe`: its commands, its exit codes and its error messages."""

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
from eunoe_consumers.cli.console import errors, print_plain
from eunoe_consumers.cli.memory.commands import app as memory
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
    # SystemExit instead of the default action, so that embedded servers and child processes are stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    try:
        app()
    except (ConfigurationError, InvalidEvent) as error:
        _fail(str(error), MISCONFIGURED)
    except (EunoeError, OSError) as error:  # OSError: a file. Errors of servers are EunoeErrors.
        _fail(str(error) or type(error).__name__, FAILED)
    except ValidationError as error:  # raised by Settings
        _fail(f"a setting is wrong (EUNOE_<NAME>): {describe(error)}", MISCONFIGURED)
    except KeyboardInterrupt:
        sys.exit(_SIGNAL_BASE + signal.SIGINT)
    except Exception as error:  # a bug keeps its traceback; the user can fix a few others
        if (found := _explain(error)) is None:
            raise
        _fail(*found)


def _explain(error: Exception) -> tuple[str, int] | None:
    """Return message and exit code for a library's error that the user can fix; None for a bug."""
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("eunoe"):
        return f"the package {error.name} is missing: install eunoe[{extra_of(error.name)}]", MISCONFIGURED
    # An isinstance check would need an import of redis, which slows down every command.
    if type(error).__module__.startswith("redis."):
        return f"Redis: {error}", FAILED
    return None


def extra_of(module: str) -> str:
    """Return the extra of `eunoe` that installs a module."""
    wanted = module.partition(".")[0].replace("_", "-").lower()
    for line in metadata.requires("eunoe") or []:
        found = _REQUIREMENT.match(line)
        if found and found[1].replace("_", "-").lower() == wanted:
            return found[2]
    return "consumers"


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_SIGNAL_BASE + number)


def _fail(message: str, code: int) -> NoReturn:
    print_plain(f"eunoe: {message}", style="red", console=errors)
    sys.exit(code)
