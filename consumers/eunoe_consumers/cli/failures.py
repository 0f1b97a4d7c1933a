"""Turn an error that the user can fix into one sentence and an exit code."""

import re
from importlib import metadata

from pydantic import ValidationError

from eunoe_consumers.errors import MISCONFIGURED, ConfigurationError
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.validation import describe

FAILED = 1
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+).*extra == ['\"]([a-z-]+)['\"]")


def explain(error: Exception) -> tuple[str, int] | None:
    """Return message and exit code for an error that the user can fix; None for a bug."""
    match error:
        case ConfigurationError() | InvalidEvent():
            return str(error), MISCONFIGURED
        case EunoeError() | OSError():  # OSError: a file. Errors of servers are EunoeErrors.
            return str(error) or type(error).__name__, FAILED
        case ValidationError():  # raised by Settings
            return f"a setting is wrong: {_with_variables(error)}", MISCONFIGURED
        case ModuleNotFoundError(name=str(name)) if not name.startswith("eunoe"):
            return f"the package {name} is missing: install eunoe[{extra_of(name)}]", MISCONFIGURED
        # An isinstance check would need an import of redis, which slows down every command.
        case _ if type(error).__module__.startswith("redis."):
            return f"Redis: {error}", FAILED
        case _:
            return None


def _with_variables(error: ValidationError) -> str:
    """Return what is wrong with settings, each under the name of its environment variable."""
    text = describe(error)
    for item in error.errors():
        parts = [str(part) for part in item["loc"]]
        text = text.replace(f"{'.'.join(parts)}:", f"EUNOE_{'__'.join(parts).upper()}:", 1)
    return text


def extra_of(module: str) -> str:
    """Return the extra of `eunoe` that installs a module."""
    wanted = module.partition(".")[0].replace("_", "-").lower()
    for line in metadata.requires("eunoe") or []:
        found = _REQUIREMENT.match(line)
        if found and found[1].replace("_", "-").lower() == wanted:
            return found[2]
    return "consumers"
