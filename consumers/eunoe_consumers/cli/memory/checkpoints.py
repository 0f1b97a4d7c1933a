"""`eunoe memory checkpoint`: what an orchestrator must find again to go on with a session."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CheckpointCall, answer
from eunoe_consumers.cli.memory.options import Repeatable
from eunoe_consumers.cli.memory.paging import Paging, what_follows
from eunoe_consumers.cli.memory.sessions import SessionArgument
from eunoe_consumers.cli.memory.show import record, when
from eunoe_consumers.cli.options import parse_object, text_or_input

app = typer.Typer(
    no_args_is_help=True,
    help="Checkpoints of a session: an orchestrator's state, saved and loaded; the latest is the one to go on with.",
)
NameOption = Annotated[str | None, typer.Option(help="Of this name only.")]


@command(app, f"eunoe memory checkpoint save {examples.BOTH} support-7 '{{\"step\": 2}}' --name plan")
def save(
    session_id: SessionArgument,
    state: Annotated[
        str | None, typer.Argument(help="A JSON object of at most 256 KiB; - reads it from standard input.")
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, metavar="PATH", help="Read it from this file instead.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name, where there are several things to save.")] = None,
    change: Repeatable,
    call: CheckpointCall,
) -> None:
    """Save an orchestrator's state; the session opens with it where it is not there yet."""
    if (state is None) == (file is None):
        msg = "give either the state or --file"
        raise typer.BadParameter(msg)
    saved = parse_object(text_or_input(state or "") if file is None else file.read_bytes())
    checkpoint = call.change(
        lambda curator, scope: curator.checkpoints.save(
            scope,
            session_id,
            saved,
            name=name,
            request_id=change.request_id,
            deadline=call.seconds,
        )
    )
    answer(call, checkpoint, f"checkpoint {checkpoint.id} is saved, {checkpoint.state_bytes} bytes")


@command(app, f"eunoe memory checkpoint load {examples.BOTH} support-7 --name plan")
def load(
    session_id: SessionArgument,
    *,
    checkpoint_id: Annotated[UUID | None, typer.Option("--id", help="This one; else the latest.")] = None,
    name: Annotated[str | None, typer.Option(help="The latest of this name.")] = None,
    call: CheckpointCall,
) -> None:
    """Show the session's latest checkpoint with its state; with --json its `checkpoint` is null where there is none."""
    found = call.ask(
        lambda curator, scope: curator.checkpoints.load(
            scope, session_id, checkpoint_id, name=name, deadline=call.seconds
        )
    )
    if found is None:
        answer(call, {"checkpoint": None}, f"session {session_id} has no such checkpoint")
        return
    facts = {name: value for name, value in found if name != "state"}
    state = json.dumps(found.state, indent=2, ensure_ascii=False)
    shown = Syntax(state, "json", word_wrap=True, background_color="default")
    answer(call, {"checkpoint": found.model_dump(mode="json")}, record(facts), shown)


@command(app, f"eunoe memory checkpoint list {examples.BOTH} support-7", name="list")
def show_all(session_id: SessionArgument, *, name: NameOption = None, paging: Paging, call: CheckpointCall) -> None:
    """List the session's checkpoints without their states, the latest first."""
    checkpoints, cursor = call.ask(
        lambda curator, scope: paging.follow(
            lambda limit, cursor: curator.checkpoints.list(
                scope, session_id, name=name, limit=limit, cursor=cursor, deadline=call.seconds
            ),
            lambda page: page.checkpoints,
        )
    )
    table = Table("checkpoint", expand=True)
    table.columns[0].no_wrap = True
    table.add_column("name", ratio=1, overflow="fold")
    for column in ("bytes", "saved at"):
        table.add_column(column)
    for one in checkpoints:
        table.add_row(str(one.id), Text(one.name or ""), str(one.state_bytes), when(one.created_at))
    document = {"checkpoints": [one.model_dump(mode="json") for one in checkpoints], "cursor": cursor}
    empty = f"session {session_id} has no such checkpoint"
    answer(call, document, table if checkpoints else empty, *what_follows(cursor))
