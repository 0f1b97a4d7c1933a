"""`eunoe replay`: publish the events of a file, with a checkpoint to go on from."""

import asyncio
import json
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast
from uuid import UUID

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from eunoe_consumers.cli.console import errors, output, print_json
from eunoe_consumers.cli.options import JsonOption, find_tenant, redis_server
from eunoe_consumers.cli.replay_checkpoint import Progress, ReplayPosition
from eunoe_consumers.cli.replay_source import Mapped
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
class _End:
    """How a run ended: the signal that stopped it, None at the end of the file."""

    progress: Progress
    begun_at: int
    from_start: bool
    number: signal.Signals | None = None


def replay(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="One JSON object a line.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="The tenant of every line: its UUID, or its name.")] = None,
    agent: Annotated[UUID | None, typer.Option(help="The agent of every line.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SOURCE", help="The event's field NAME is called SOURCE in the file; repeatable."),
    ] = None,
    constants: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="The event's field NAME of every line; repeatable."),
    ] = None,
    refused: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every refused line there, with its reason.")
    ] = None,
    show: Annotated[int, typer.Option(min=0, metavar="N", help="How many refused lines to show.")] = 10,
    from_start: Annotated[bool, typer.Option("--from-start", help="Ignore the checkpoint.")] = False,
    state_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where checkpoints are kept; else the user's state folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the events of a JSON-lines file through the gateway's client, in the file's order.

    Fields are those of an event: event_id, tenant_id, agent_id, user_id, role, content, and if you like session_id,
    thread_id, channel, speaker, occurred_at, metadata. With --field, others in the file are ignored; without, they are
    refused. While the consumers' backlog is full, it waits.

    Ctrl-C stops it, and the same command goes on where it stopped; what was published already adds nothing. The exit
    code is 0 when every line was published or a duplicate, 1 when some were refused, 130 after Ctrl-C.
    """
    from eunoe_consumers.cli.replay_run import RefusedLines  # noqa: PLC0415 - redis

    settings = Settings()
    names = _pairs(field, "--field")
    values: dict[str, object] = {name: _value(name, value) for name, value in _pairs(constants, "--set").items()}
    if agent is not None:
        values["agent_id"] = agent
    place = settings.redis_url or str(settings.data_dir or default_data_dir())
    lines = RefusedLines(refused, shown=show)
    with redis_server(settings) as resolved:
        if tenant is not None:
            values["tenant_id"] = find_tenant(resolved, tenant)
        mapped = Mapped(names, values)
        checkpoint = ReplayPosition.of(file, mapped, place=place, folder=state_dir)
        end = asyncio.run(
            _run(resolved, file, mapped, checkpoint, lines, from_start=from_start, size=file.stat().st_size)
        )
    _tell(file, end, lines, as_json=as_json)
    if end.number is not None:
        raise typer.Exit(_SIGNAL_BASE + end.number)
    if end.progress.refused:
        raise typer.Exit(1)


async def _run(
    settings: Settings,
    file: Path,
    mapped: Mapped,
    checkpoint: ReplayPosition,
    lines: "RefusedLines",
    *,
    from_start: bool,
    size: int,
) -> _End:
    from eunoe_consumers.cli.replay_run import Replay  # noqa: PLC0415 - redis
    from eunoe_producers import Gateway, GatewayOptions  # noqa: PLC0415 - redis

    begun = Progress() if from_start else checkpoint.load()
    end = _End(begun, begun.lines, from_start)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def stopped(number: signal.Signals) -> None:
        end.number = number
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped, number)
    if begun.lines:
        errors.print(f"going on after line {begun.lines} (--from-start begins again)", highlight=False)
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
            run = Replay(gateway, file, mapped, checkpoint, lines, report, begun)
            try:
                if await run.run(stop):
                    end.number = None  # a signal that came after the last line stops nothing
            finally:
                end.progress = run.progress
                if end.number is None and checkpoint.path.exists():  # an error is on its way up
                    errors.print(_goes_on(end), highlight=False, soft_wrap=True)
    return end


def _bar() -> Bar:
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(),
        console=errors,
        disable=not errors.is_terminal,
    )


def _tell(file: Path, end: _End, lines: "RefusedLines", *, as_json: bool) -> None:
    if as_json:
        print_json(
            end.progress.model_dump(exclude={"end_bytes"})
            | {
                "file": str(file),
                "begun_after_line": end.begun_at,
                "finished": end.number is None,
                "refusals": [{"line": found.number, "reason": found.reason} for found in lines.first],
            }
        )
        return
    for found in lines.first:
        errors.print(Text(f"line {found.number}: {found.reason}", "yellow"), soft_wrap=True)
    if end.progress.refused > len(lines.first):
        errors.print(f"{end.progress.refused} lines were refused in all, some not shown here", highlight=False)
    if lines.file is not None and end.progress.refused:
        errors.print(Text(f"the refused lines are in {lines.file}"), soft_wrap=True)
    output.print(_counts(end.progress), highlight=False)
    if end.number is not None:
        errors.print(_goes_on(end), highlight=False, soft_wrap=True)


def _counts(progress: Progress) -> str:
    return (
        f"{progress.lines} lines: {progress.published} published, {progress.duplicates} duplicates, "
        f"{progress.refused} refused"
    )


def _goes_on(end: _End) -> str:
    command = "the same command without --from-start" if end.from_start else "the same command"
    return f"stopped after line {end.progress.lines}; {command} goes on from there"


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return NAME=VALUE options as a dict.

    Raises:
        BadParameter: If one is no pair, or its name is no field of an event.
    """
    pairs: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not value:
            msg = f"{text!r} is not NAME=VALUE"
            raise typer.BadParameter(msg, param_hint=option)
        if name not in MessageEvent.model_fields:
            msg = f"{name!r} is no field of an event: {', '.join(MessageEvent.model_fields)}"
            raise typer.BadParameter(msg, param_hint=option)
        pairs[name] = value
    return pairs


def _value(name: str, text: str) -> object:
    """Return the value of a constant: text, but for metadata, which is JSON."""
    if name != "metadata":
        return text
    try:
        return cast("object", json.loads(text))
    except json.JSONDecodeError as error:
        raise typer.BadParameter(str(error), param_hint="--set metadata") from error
