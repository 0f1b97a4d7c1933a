"""The commands of `eunoe memory` as a tree: complete, explained, and with examples that are right."""

import shlex
from collections.abc import Iterator
from typing import Any, cast

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from eunoe_consumers.cli.main import app
from eunoe_producers import Curator
from eunoe_producers.memory.administration import Administration
from eunoe_producers.memory.checkpoints import Checkpoints
from eunoe_producers.memory.collections import Collections
from eunoe_producers.memory.consolidation import Consolidation
from eunoe_producers.memory.directives import Directives
from eunoe_producers.memory.relations import Relations
from eunoe_producers.memory.sessions import Sessions

_PARTS: dict[type, str] = {
    Curator: "",
    Relations: "",
    Collections: "collection",
    Sessions: "session",
    Checkpoints: "checkpoint",
    Directives: "directive",
}
_RENAMED = {
    (Consolidation, "groups"): "consolidation groups",
    (Consolidation, "consolidate"): "consolidation replace",
    (Administration, "search"): "admin-search",
}
# Of the connection, and the end of paging, which is `list --all` here.
_NO_COMMANDS = {"connect", "close", "list_all", "request"}


def _leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command with its name below the root's."""
    if isinstance(command, TyperGroup):
        for name, child in command.commands.items():
            yield from _leaves(child, f"{path} {name}".strip())
    else:
        yield path, command


def _memory() -> dict[str, Any]:
    return dict(_leaves(dict(cast("Any", get_command(app)).commands)["memory"]))


def _methods(part: type) -> list[str]:
    return [name for name in vars(part) if not name.startswith("_") and callable(getattr(part, name))]


def test_what_the_client_can_do_the_command_line_can() -> None:
    """Each method of `Curator` and of its parts has a command, and no command does anything else."""
    expected = {
        f"{group} {name}".strip()
        for part, group in _PARTS.items()
        for name in _methods(part)
        if name not in _NO_COMMANDS or (part is Sessions and name == "close")
    }
    assert {(part, name) for part in (Consolidation, Administration) for name in _methods(part)} == _RENAMED.keys()
    assert _memory().keys() == expected | set(_RENAMED.values())


@pytest.mark.parametrize("path", sorted(_memory()))
def test_a_commands_example_can_be_typed(path: str) -> None:
    """Its help ends with an example, of this command, whose arguments and options are all there and well formed."""
    command = _memory()[path]
    assert command.epilog.startswith(f"Example: eunoe memory {path} ")
    words = shlex.split(command.epilog)[2 + len(["memory", *path.split()]) :]
    command.make_context(path, words)


@pytest.mark.parametrize("path", sorted(_memory()))
def test_every_parameter_says_what_it_is_for(path: str) -> None:
    """Whoever reads a command's help learns what it does and what each of its parameters means."""
    command = _memory()[path]
    assert command.help
    assert [parameter.name for parameter in command.params if not parameter.help] == []
