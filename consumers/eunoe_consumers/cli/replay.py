"""`eunoe replay`: publish the messages of a file. A checkpoint lets the same command continue after a stop."""

import asyncio
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, TaskProgressColumn, TimeRemainingColumn

from eunoe_consumers.cli.console import Bar, errors, print_json, print_plain, progress
from eunoe_consumers.cli.options import JsonOption, find_tenant, parse_object
from eunoe_consumers.cli.replay_checkpoint import Progress, ReplayPosition
from eunoe_consumers.cli.replay_source import FieldMapping
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.devservers import default_data_dir
from eunoe_consumers.settings import Settings
from eunoe_schema.events import MessageEvent

if TYPE_CHECKING:
    from eunoe_consumers.cli.replay_run import RefusedLines

EXAMPLES = (
    "Example: eunoe replay chats.jsonl --tenant acme --agent 22222222-2222-4222-8222-222222222222 "
    "--field content=text --field event_id=message_id --field user_id=customer --set channel=import"
)
_SIGNAL_BASE = 128


@dataclass
class _Outcome:
    """How a run ended; `number` is the signal that stopped it, None at the end of the file."""

    progress: Progress
    begun_at: int
    from_start: bool
    number: signal.Signals | None = None


def replay(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A file with one JSON object per line.")
    ],
    *,
    tenant: Annotated[str | None, typer.Option(help="The tenant of every line: a UUID or a name.")] = None,
    agent: Annotated[UUID | None, typer.Option(help="The agent of every line.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SOURCE", help="Read the event field NAME from the file's field SOURCE; repeatable."),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set the event's field NAME in every line; repeatable."),
    ] = None,
    refused: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every refused line to this file, with its reason.")
    ] = None,
    show: Annotated[int, typer.Option(min=0, metavar="N", help="How many refused lines to show.")] = 10,
    from_start: Annotated[bool, typer.Option("--from-start", help="Ignore the checkpoint.")] = False,
    state_dir: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Folder of checkpoints.  [default: the user's state folder]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the messages of a JSON-lines file through the gateway's client, in the file's order.

    A line has the fields of an event: event_id, tenant_id, agent_id, user_id, role, content, and optionally session_id,
    thread_id, channel, speaker, occurred_at, metadata. Other fields are refused; with --field they are ignored. While
    the consumers' backlog is full, the command waits.

    After Ctrl-C the same command continues where it stopped. A message that was published before adds nothing. A
    line with the event_id of another message is a conflict: it is not published. The exit code is 0 if every line was
    published or is a duplicate, 1 if some were refused or are conflicts, 130 after Ctrl-C.
    """
    from eunoe_consumers.cli.replay_run import RefusedLines  # noqa: PLC0415 - redis

    settings = Settings()
    names = _parse_pairs(field, "--field")
    values: dict[str, object] = dict(_parse_pairs(constants, "--set"))
    if "metadata" in values:
        values["metadata"] = parse_object(str(values["metadata"]))
    if agent is not None:
        values["agent_id"] = agent
    place = settings.redis_url or str(settings.data_dir or default_data_dir())
    lines = RefusedLines(refused, shown=show)
    with redis_server(settings) as resolved:
        if tenant is not None:
            values["tenant_id"] = find_tenant(resolved, tenant)
        mapping = FieldMapping(names, values)
        checkpoint = ReplayPosition.of(file, mapping, place=place, folder=state_dir)
        outcome = asyncio.run(
            _run(resolved, file, mapping, checkpoint, lines, from_start=from_start, size=file.stat().st_size)
        )
    _report(file, outcome, lines, as_json=as_json)
    if outcome.number is not None:
        raise typer.Exit(_SIGNAL_BASE + outcome.number)
    if outcome.progress.refused or outcome.progress.conflicts:
        raise typer.Exit(1)


async def _run(
    settings: Settings,
    file: Path,
    mapping: FieldMapping,
    checkpoint: ReplayPosition,
    lines: "RefusedLines",
    *,
    from_start: bool,
    size: int,
) -> _Outcome:
    from eunoe_consumers.cli.replay_run import Replay  # noqa: PLC0415 - redis
    from eunoe_producers import Gateway, GatewayOptions  # noqa: PLC0415 - redis

    begun = Progress() if from_start else checkpoint.load()
    outcome = _Outcome(begun, begun.lines, from_start)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal(number: signal.Signals) -> None:
        outcome.number = number
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal, number)
    if begun.lines:
        print_plain(f"continuing after line {begun.lines} (--from-start begins again)", console=errors)
    options = GatewayOptions(max_content_chars=settings.max_content_chars, retry_seconds=settings.start_timeout_seconds)
    with ExitStack() as stack:
        bar = stack.enter_context(_bar())
        stack.enter_context(lines.begin(fresh=not begun.lines))
        task = bar.add_task("publishing", total=size, completed=begun.end_bytes, counts="")

        def report(progress: Progress, full: bool) -> None:  # noqa: FBT001 - a callback's arguments have no names
            bar.update(
                task,
                completed=progress.end_bytes,
                description="waiting for the consumers: the backlog is full" if full else "publishing",
                counts=_counts(progress),
            )

        async with await Gateway.connect(settings.redis_url or "", options) as gateway:
            run = Replay(gateway, file, mapping, checkpoint, lines, report, begun)
            try:
                if await run.run(stop):
                    outcome.number = None  # a signal after the last line stops nothing
            finally:
                outcome.progress = run.progress
                if outcome.number is None and checkpoint.path.exists():  # an error is about to be reported
                    print_plain(_how_to_continue(outcome), console=errors)
    return outcome


def _bar() -> Bar:
    return progress(
        "{task.description}",
        BarColumn(),
        TaskProgressColumn(),
        "{task.fields[counts]}",
        TimeRemainingColumn(),
        disable=not errors.is_terminal,
    )


def _report(file: Path, outcome: _Outcome, lines: "RefusedLines", *, as_json: bool) -> None:
    if as_json:
        print_json(
            outcome.progress.model_dump(exclude={"end_bytes"})
            | {
                "file": str(file),
                "begun_after_line": outcome.begun_at,
                "finished": outcome.number is None,
                "refusals": [{"line": found.number, "reason": found.reason} for found in lines.first],
            }
        )
        return
    for found in lines.first:
        print_plain(f"line {found.number}: {found.reason}", style="yellow", console=errors)
    refused = outcome.progress.refused + outcome.progress.conflicts
    if refused > len(lines.first):
        print_plain(f"{refused} lines were refused; not all are shown", console=errors)
    if lines.file is not None and refused:
        print_plain(f"the refused lines are in {lines.file}", console=errors)
    print_plain(_counts(outcome.progress))
    if outcome.number is not None:
        print_plain(_how_to_continue(outcome), console=errors)


def _counts(progress: Progress) -> str:
    return (
        f"{progress.lines} lines: {progress.published} published, {progress.duplicates} duplicates, "
        f"{progress.refused} refused" + (f", {progress.conflicts} conflicts" if progress.conflicts else "")
    )


def _how_to_continue(outcome: _Outcome) -> str:
    command = "the same command without --from-start" if outcome.from_start else "the same command"
    return f"stopped after line {outcome.progress.lines}; {command} continues from there"


def _parse_pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return NAME=VALUE options as a dict.

    Raises:
        BadParameter: If an option is not NAME=VALUE, or an event has no field NAME.
    """
    pairs: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        if name not in MessageEvent.model_fields:
            fields = ", ".join(MessageEvent.model_fields)
            raise typer.BadParameter(f"{name!r} is not a field of an event, which are {fields}", param_hint=option)
        pairs[name] = value
    return pairs
