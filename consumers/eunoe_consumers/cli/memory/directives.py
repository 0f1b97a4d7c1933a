"""`eunoe memory directive`: an agent's standing instructions."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import DirectiveCall, answer
from eunoe_consumers.cli.memory.options import Repeatable, TextArgument, Versioned, YesOption
from eunoe_consumers.cli.options import text_or_input
from eunoe_schema.memory import Directive

app = typer.Typer(
    no_args_is_help=True,
    help="An agent's standing instructions: with every user, or with --user for one.",
)
NameArgument = Annotated[str, typer.Argument(help="Its name, once among the agent's with the same user.")]
_WHOSE = f"--tenant acme {examples.AGENT}"


@command(app, f'eunoe memory directive set {_WHOSE} tone "Answer in one sentence."', name="set")
def set_directive(
    name: NameArgument,
    content: TextArgument,
    *,
    place: Annotated[
        int | None,
        typer.Option(help="Its place in the prompt, from the least; else it stays, and a new one is the last."),
    ] = None,
    change: Versioned,
    call: DirectiveCall,
) -> None:
    """Make a directive, or change the one of that name."""
    directive = call.change(
        lambda curator, scope: curator.directives.set(
            scope,
            name,
            text_or_input(content),
            ordinal=place,
            version=change.version,
            request_id=change.request_id,
            deadline=call.seconds,
        )
    )
    answer(call, directive, _table([directive]))


@command(app, f"eunoe memory directive list {_WHOSE} --user ada", name="list")
def show_all(*, call: DirectiveCall) -> None:
    """List the directives that apply, in their order: with --user those with every user, too."""
    _show(call, call.ask(lambda curator, scope: curator.directives.list(scope, deadline=call.seconds)))


@command(app, f"eunoe memory directive order {_WHOSE} safety tone language")
def order(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="All of them, in their new order.")],
    *,
    change: Repeatable,
    call: DirectiveCall,
) -> None:
    """Put the directives of the agent with every user, or with --user, into another order."""
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        msg = f"named twice: {', '.join(repeated)}"
        raise typer.BadParameter(msg)
    directives = call.change(
        lambda curator, scope: curator.directives.order(
            scope, names, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, directives)


@command(app, f"eunoe memory directive remove {_WHOSE} tone --yes")
def remove(name: NameArgument, *, yes: YesOption = False, change: Versioned, call: DirectiveCall) -> None:
    """Remove a directive for good."""
    if not yes:
        typer.confirm(f"Remove the directive {name!r} for good?", abort=True, err=True)
    call.change(
        lambda curator, scope: curator.directives.remove(
            scope, name, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    answer(call, {"removed": name}, f"the directive {name} is removed")


def _show(call: DirectiveCall, directives: Sequence[Directive]) -> None:
    document = {"directives": [one.model_dump(mode="json") for one in directives]}
    answer(call, document, _table(directives) if directives else "there is no directive that applies")


def _table(directives: Sequence[Directive]) -> Table:
    table = Table("place", expand=True)
    for name, ratio in (("name", 2), ("content", 5), ("user", 2)):
        table.add_column(name, ratio=ratio, overflow="fold")
    table.add_column("version")
    for one in directives:
        user = Text(one.user_id) if one.user_id else Text("everyone", "dim")
        table.add_row(str(one.ordinal), Text(one.name), Text(one.content), user, str(one.version), end_section=True)
    return table
