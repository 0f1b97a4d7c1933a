"""`eunoe memory` as the other commands see it: its own commands are imported when one of them is wanted."""

from functools import cache
from typing import Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command


class _Memory(TyperGroup):
    """A group that is filled when it is asked for its commands: they are many, and every `eunoe ...` would wait."""

    @property
    def commands(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride] - read only, by Typer
        """The commands by their names."""
        return _commands()

    @commands.setter
    def commands(self, _none: dict[str, Any]) -> None:
        """Take what Typer has found in the empty application below."""


@cache
def _commands() -> dict[str, Any]:
    from eunoe_consumers.cli.memory.commands import app as filled  # noqa: PLC0415 - 0.1 s

    return dict(cast("TyperGroup", get_command(filled)).commands)


app = typer.Typer(
    cls=_Memory,
    no_args_is_help=True,
    help="Curated memory: what is remembered of a user, of an agent, or of both, beside the messages. "
    "Needs a running curate consumer (`eunoe consume curate`).",
    epilog='Example: eunoe memory remember --tenant acme --user ada "Ada\'s cat is called Minka."',
)
