"""`eunoe dead`: what could not be processed."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.console import errors, output, print_json
from eunoe_consumers.cli.options import JsonOption, redis_server
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings
from eunoe_schema.streams import Group

if TYPE_CHECKING:
    from eunoe_consumers.delivery.dead_letters import DeadLetter, DeadLetters

ResultT = TypeVar("ResultT")
app = typer.Typer(
    no_args_is_help=True,
    help="Look at, replay and drop dead letters: entries that a group could not process, each with its reason.",
    epilog="Examples: eunoe dead list; eunoe dead show embed 1767225600000-0; eunoe dead replay embed --all; "
    "eunoe dead drop window 1767225600000-0",
)


def _entry_id(text: str) -> str:
    """Return `text` if it is an entry id.

    Raises:
        BadParameter: If it is none.
    """
    if _ENTRY_ID.fullmatch(text) is None:
        msg = f"{text!r} is no id such as 1767225600000-0: `eunoe dead list` shows them"
        raise typer.BadParameter(msg)
    return text


_ENTRY_ID = re.compile(r"\d{1,19}-\d{1,19}", re.ASCII)
GroupArgument = Annotated[Group, typer.Argument(help="The group whose dead letter it is.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", parser=_entry_id, help="Its id, as `eunoe dead list` shows it.")
]
IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="ID", parser=_entry_id, help="Their ids.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every dead letter that the group has now.")]


@app.command("list")
def show_all(
    group: Annotated[Group | None, typer.Argument(help="Only this group's; else those of all.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many of each group to show, the oldest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, with the reason of each."""

    async def read(letters: "DeadLetters") -> tuple[list["DeadLetter"], int]:
        found: list[DeadLetter] = []
        async for letter in letters.all():
            if len(found) == limit:
                break
            found.append(letter)
        return found, await letters.count()

    found = _with_letters([group] if group else list(Group), read)
    if as_json:
        print_json([_row(letter) for letters, _ in found for letter in letters])
        return
    table = Table("group")
    for name in ("id", "entry id"):
        table.add_column(name, no_wrap=True)  # to be copied
    for name in ("attempts", "buried at", "reason"):
        table.add_column(name)
    for letter in (letter for letters, _ in found for letter in letters):
        buried = f"{letter.buried_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(letter.group, letter.id, letter.entry_id, str(letter.attempts), buried, Text(letter.reason))
    output.print(table if table.row_count else "there is no dead letter")
    for letters, count in found:
        if count > len(letters):
            output.print(f"{letters[0].group}: {count} in all, the oldest {len(letters)} are shown", highlight=False)


@app.command()
def show(
    group: GroupArgument,
    letter_id: IdArgument,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with every field of the entry."""
    (letter,) = _with_letters([group], lambda letters: _get(letters, letter_id))
    if as_json:
        print_json(_row(letter) | {"fields": {_text(name): _text(value) for name, value in letter.fields.items()}})
        return
    table = Table(show_header=False, box=None)
    for name, value in _row(letter).items():
        table.add_row(f"[bold]{name}[/]", Text(str(value)))
    output.print(table)
    for name, value in letter.fields.items():
        output.print(Text(f"\nfield {_text(name)}, {len(value)} bytes:", "bold"))
        output.print(_pretty(value))
    if letter.packed_bytes:
        output.print(f"\nand further fields, packed in {letter.packed_bytes} bytes", highlight=False)


@app.command()
def replay(
    group: GroupArgument,
    letter_ids: IdsArgument = None,
    *,
    every: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Append the original entries to their stream again, once their cause is mended, and remove the dead letters.

    Every group of the stream gets the new entry; a group that had processed the old one stores nothing twice. What
    still cannot be processed becomes a dead letter again.
    """
    _one_of(letter_ids, every=every)
    (rows,) = _with_letters([group], lambda letters: _replay(letters, letter_ids))
    failures = [reason for _, entry_id, reason in rows if entry_id is None]
    if as_json:
        print_json(
            {"replayed": {letter_id: entry_id for letter_id, entry_id, _ in rows if entry_id}, "failed": failures}
        )
    else:
        for letter_id, entry_id, _ in rows:
            if entry_id is not None:
                output.print(f"{letter_id} is replayed as entry [bold]{entry_id}[/]", highlight=False)
        for reason in failures:
            errors.print(Text(reason, "red"))
        if not rows:
            output.print(f"{group} has no dead letter")
    if failures:
        raise typer.Exit(1)


@app.command()
def drop(
    group: GroupArgument,
    letter_ids: IdsArgument = None,
    *,
    every: AllOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete dead letters for good, with the entries that they hold."""
    _one_of(letter_ids, every=every)
    if not yes:
        what = "every dead letter" if every else f"{len(letter_ids or [])} dead letter(s)"
        typer.confirm(f"Delete {what} of {group} for good?", abort=True)

    async def run(letters: "DeadLetters") -> int:
        return await letters.drop(letter_ids or [letter.id async for letter in letters.all()])

    (dropped,) = _with_letters([group], run)
    if as_json:
        print_json({"dropped": dropped})
    else:
        output.print(f"dropped {dropped} of {group}", highlight=False)
    if letter_ids and dropped < len(set(letter_ids)):
        errors.print(f"{len(set(letter_ids)) - dropped} of these ids are no dead letters of {group}", style="red")
        raise typer.Exit(1)


def _with_letters(groups: list[Group], action: "Callable[[DeadLetters], Awaitable[ResultT]]") -> list[ResultT]:
    """Run an action on the dead letters of each group."""

    async def run(settings: Settings) -> list[ResultT]:
        from eunoe_consumers.connections import connect_redis  # noqa: PLC0415 - redis
        from eunoe_consumers.delivery.dead_letters import DeadLetters  # noqa: PLC0415 - redis

        redis = await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)
        try:
            return [await action(DeadLetters(redis, group)) for group in groups]
        finally:
            await redis.aclose()

    with redis_server(Settings()) as resolved:
        return asyncio.run(run(resolved))


async def _replay(letters: "DeadLetters", letter_ids: list[str] | None) -> list[tuple[str, str | None, str]]:
    """Return of each letter its id, the new entry's id, and why there is none."""
    from eunoe_consumers.delivery.dead_letters import CannotReplay  # noqa: PLC0415 - redis

    rows: list[tuple[str, str | None, str]] = []
    for letter_id in letter_ids or [letter.id async for letter in letters.all()]:
        try:
            entry_id = await letters.replay(letter_id)
        except CannotReplay as error:
            rows.append((letter_id, None, str(error)))
        else:
            rows.append((letter_id, entry_id, "" if entry_id else f"{letters.group} has no dead letter {letter_id}"))
    return rows


async def _get(letters: "DeadLetters", letter_id: str) -> "DeadLetter":
    letter = await letters.get(letter_id)
    if letter is None:
        msg = f"{letters.group} has no dead letter {letter_id}: `eunoe dead list` shows them"
        raise ConfigurationError(msg)
    return letter


def _one_of(letter_ids: list[str] | None, *, every: bool) -> None:
    if bool(letter_ids) == every:
        msg = "name dead letters by their ids, or all of them with --all"
        raise typer.BadParameter(msg)


def _row(letter: "DeadLetter") -> dict[str, object]:
    return {
        "group": letter.group,
        "id": letter.id,
        "stream": letter.stream,
        "entry_id": letter.entry_id,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "first_seen": letter.first_seen.isoformat(),
        "buried_at": letter.buried_at.isoformat(),
    }


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _pretty(value: bytes) -> Text | Syntax:
    """Return JSON indented, anything else as it is."""
    try:
        found = cast("object", json.loads(value))
    except (ValueError, RecursionError):
        return Text(_text(value))
    return Syntax(json.dumps(found, indent=2, ensure_ascii=False), "json", word_wrap=True, background_color="default")
