"""Lua scripts: a file `lua/<name>.lua` in the package that runs it, registered with one call.

Producers and consumers both load scripts. The contract depends on pydantic alone, so a client of Redis is described
here by the one method that is needed.
"""

from importlib.resources import files
from typing import Protocol, TypeVar

ScriptT = TypeVar("ScriptT")
ScriptT_co = TypeVar("ScriptT_co", covariant=True)


class ScriptClient(Protocol[ScriptT_co]):
    """A client of Redis, synchronous or asynchronous."""

    def register_script(self, script: str, /) -> ScriptT_co:
        """Return a callable that runs the script by its hash, and sends its source only when Redis lacks it."""
        ...


def register_lua(redis: ScriptClient[ScriptT], package: str, name: str) -> ScriptT:
    """Return the script `lua/<name>.lua` of a package, registered with a client.

    Raises:
        FileNotFoundError: If the package has no such script.
    """
    source = files(package).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return redis.register_script(source)
