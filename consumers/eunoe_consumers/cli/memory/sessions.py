"""`eunoe memory session`: the sessions of an agent with a user."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import SessionCall, answer
from eunoe_consumers.cli.memory.options import Repeatable
from eunoe_consumers.cli.memory.paging import Paging, what_follows
from eunoe_consumers.cli.memory.show import record, when
from eunoe_consumers.cli.options import parse_object
from eunoe_schema.memory import Session

app = typer.Typer(
    no_args_is_help=True,
    help="Sessions of an agent with a user; the first message opens one, silence closes it.",
)
SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.")]


@command(app, f"eunoe memory session open {examples.BOTH} support-7 --channel slack", name="open")
def open_session(
    session_id: SessionArgument,
    *,
    thread: Annotated[str | None, typer.Option(help="The channel's thread; of a session that is new.")] = None,
    channel: Annotated[str | None, typer.Option(help="The channel it comes through; of one that is new.")] = None,
    metadata: Annotated[
        dict[str, Any] | None,
        typer.Option(parser=parse_object, metavar="JSON", help="A JSON object, in place of its metadata."),
    ] = None,
    change: Repeatable,
    call: SessionCall,
) -> None:
    """Open a session before its first message, or open it again; one that is open stays so."""
    session = call.change(
        lambda curator, scope: curator.sessions.open(
            scope,
            session_id,
            thread_id=thread,
            channel=channel,
            metadata=metadata,
            request_id=change.request_id,
            deadline=call.seconds,
        )
    )
    _show(call, session)


@command(app, f"eunoe memory session get {examples.BOTH} support-7")
def get(session_id: SessionArgument, *, call: SessionCall) -> None:
    """Show one session: its messages are counted, not repeated."""
    _show(call, call.ask(lambda curator, scope: curator.sessions.get(scope, session_id, deadline=call.seconds)))


@command(app, f"eunoe memory session list {examples.BOTH} --open", name="list")
def show_all(
    *,
    is_open: Annotated[
        bool | None, typer.Option("--open/--closed", help="Those that go on, or those that are closed; else both.")
    ] = None,
    paging: Paging,
    call: SessionCall,
) -> None:
    """List the sessions, the one that opened last first."""
    sessions, cursor = call.ask(
        lambda curator, scope: paging.follow(
            lambda limit, cursor: curator.sessions.list(
                scope, is_open=is_open, limit=limit, cursor=cursor, deadline=call.seconds
            ),
            lambda page: page.sessions,
        )
    )
    table = Table(expand=True)
    table.add_column("session", ratio=1, overflow="fold")
    for name in ("messages", "opened at", "state"):
        table.add_column(name)
    for one in sessions:
        table.add_row(Text(one.session_id), str(one.messages), when(one.opened_at), _state(one))
    document = {"sessions": [one.model_dump(mode="json") for one in sessions], "cursor": cursor}
    answer(call, document, table if sessions else "there is no such session", *what_follows(cursor))


@command(app, f"eunoe memory session close {examples.BOTH} support-7")
def close(session_id: SessionArgument, *, change: Repeatable, call: SessionCall) -> None:
    """Close a session; a message that comes later opens it again."""
    session = call.change(
        lambda curator, scope: curator.sessions.close(
            scope, session_id, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, session)


def _state(session: Session) -> str:
    return "open" if session.is_open else f"closed ({session.close_reason})"


def _show(call: SessionCall, session: Session) -> None:
    facts = {name: value for name, value in session if name not in {"agent_id", "user_id", "close_reason"}}
    answer(call, session, record({**facts, "state": _state(session)}))
