"""`eunoe dead`: list, show, replay and drop dead letters."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer
from rich.table import Table

from eunoe_consumers.cli.console import confirm, errors, line, lines, output, print_indented_json, print_json
from eunoe_consumers.cli.options import JsonOption, YesOption
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings
from eunoe_schema.streams import Group

if TYPE_CHECKING:
    from eunoe_consumers.delivery.dead_letters import DeadLetter, DeadLetters

ResultT = TypeVar("ResultT")
app = typer.Typer(
    no_args_is_help=True,
    help="List, show, replay and drop dead letters: entries that a group could not process, each with its reason.",
    epilog="Examples: eunoe dead list; eunoe dead show embed 1767225600000-0; eunoe dead replay embed --all; "
    "eunoe dead drop window 1767225600000-0",
)
_LETTER_ID = re.compile(r"\d{1,19}-\d{1,19}", re.ASCII)


def _parse_id(text: str) -> str:
    """Return `text` if it is the id of a dead letter; raise BadParameter otherwise."""
    if _LETTER_ID.fullmatch(text) is None:
        raise typer.BadParameter(f"{text!r} is not an id such as 1767225600000-0: `eunoe dead list` shows the ids")
    return text


GroupArgument = Annotated[Group, typer.Argument(help="The group that could not process the entry.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", parser=_parse_id, help="The dead letter's id, as `eunoe dead list` shows it.")
]
IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="ID", parser=_parse_id, help="Ids of dead letters.")]
AllOption = Annotated[bool, typer.Option("--all", help="All dead letters that the group has now.")]


@app.command("list", epilog="Example: eunoe dead list embed --limit 20")
def show_all(
    group: Annotated[Group | None, typer.Argument(help="Only this group.  [default: all groups]")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many of each group to show, the oldest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List dead letters with their reasons."""

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
        table.add_column(name, no_wrap=True)  # so that an id can be copied
    for name in ("attempts", "dead-lettered at", "reason"):
        table.add_column(name)
    for letter in (letter for letters, _ in found for letter in letters):
        moment = f"{letter.dead_lettered_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(letter.group, letter.id, letter.entry_id, str(letter.attempts), moment, letter.reason)
    output.print(table if table.row_count else "there is no dead letter")
    for letters, count in found:
        if count > len(letters):
            output.print(f"{letters[0].group}: the oldest {len(letters)} of {count} are shown")


@app.command(epilog="Example: eunoe dead show embed 1767225600000-0")
def show(group: GroupArgument, letter_id: IdArgument, *, as_json: JsonOption = False) -> None:
    """Show one dead letter with every field of its entry."""

    async def get(letters: "DeadLetters") -> "DeadLetter":
        letter = await letters.get(letter_id)
        if letter is None:
            raise ConfigurationError(f"{group} has no dead letter {letter_id}: `eunoe dead list` shows the ids")
        return letter

    (letter,) = _with_letters([group], get)
    if as_json:
        print_json(_row(letter) | {"fields": {_text(name): _text(value) for name, value in letter.fields.items()}})
        return
    table = Table(show_header=False, box=None)
    for name, value in _row(letter).items():
        table.add_row(line(name, "bold"), str(value))
    output.print(table)
    for name, value in letter.fields.items():
        output.print("", line(f"field {_text(name)}, {len(value)} bytes:", "bold"), sep="\n")
        _show_value(value)
    if letter.packed_bytes:
        output.print("", f"and more fields, packed into {letter.packed_bytes} bytes", sep="\n")


@app.command(epilog="Example: eunoe dead replay embed --all")
def replay(
    group: GroupArgument, letter_ids: IdsArgument = None, *, every: AllOption = False, as_json: JsonOption = False
) -> None:
    """Append the original entries to their stream again, and remove the dead letters.

    Fix the cause first. Every group of the stream receives the new entry; a group that processed the old entry already
    stores nothing twice. An entry that still cannot be processed becomes a dead letter again.
    """
    _require_ids_or_all(letter_ids, every=every)

    async def run(letters: "DeadLetters") -> tuple[dict[str, str], list[str]]:
        from eunoe_consumers.delivery.dead_letters import CannotReplay  # noqa: PLC0415 - redis

        replayed: dict[str, str] = {}
        failures: list[str] = []
        for letter_id in letter_ids or [letter.id async for letter in letters.all()]:
            try:
                entry_id = await letters.replay(letter_id)
            except CannotReplay as error:
                failures.append(str(error))
                continue
            if entry_id is None:
                failures.append(f"{group} has no dead letter {letter_id}")
            else:
                replayed[letter_id] = entry_id
        return replayed, failures

    ((replayed, failures),) = _with_letters([group], run)
    if as_json:
        print_json({"replayed": replayed, "failed": failures})
    else:
        for letter_id, entry_id in replayed.items():
            output.print(f"{letter_id} is replayed as entry {entry_id}")
        for reason in failures:
            errors.print(reason, style="red")
        if not replayed and not failures:
            output.print(f"{group} has no dead letter")
    if failures:
        raise typer.Exit(1)


@app.command(epilog="Example: eunoe dead drop window 1767225600000-0")
def drop(
    group: GroupArgument,
    letter_ids: IdsArgument = None,
    *,
    every: AllOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete dead letters for good, together with their entries."""
    _require_ids_or_all(letter_ids, every=every)
    if not yes:
        what = "every dead letter" if every else f"{len(letter_ids or [])} dead letter(s)"
        confirm(f"Delete {what} of {group} for good?")

    async def run(letters: "DeadLetters") -> int:
        return await letters.drop(letter_ids or [letter.id async for letter in letters.all()])

    (dropped,) = _with_letters([group], run)
    if as_json:
        print_json({"dropped": dropped})
    else:
        output.print(f"dropped {dropped} dead letter{'' if dropped == 1 else 's'} of {group}")
    if letter_ids and dropped < len(set(letter_ids)):
        errors.print(f"{group} has no dead letters for {len(set(letter_ids)) - dropped} of these ids", style="red")
        raise typer.Exit(1)


def _with_letters(groups: list[Group], action: "Callable[[DeadLetters], Awaitable[ResultT]]") -> list[ResultT]:
    """Return the results of an action on the dead letters of each group."""

    async def run(settings: Settings) -> list[ResultT]:
        from eunoe_consumers.delivery.dead_letters import DeadLetters  # noqa: PLC0415 - redis
        from eunoe_consumers.delivery.redis_client import connect_redis  # noqa: PLC0415 - redis

        redis = await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)
        try:
            return [await action(DeadLetters(redis, group)) for group in groups]
        finally:
            await redis.aclose()

    with redis_server(Settings()) as resolved:
        return asyncio.run(run(resolved))


def _require_ids_or_all(letter_ids: list[str] | None, *, every: bool) -> None:
    if bool(letter_ids) == every:
        raise typer.BadParameter("name dead letters by their ids, or all of them with --all")


def _row(letter: "DeadLetter") -> dict[str, object]:
    return {
        "group": letter.group,
        "id": letter.id,
        "stream": letter.stream,
        "entry_id": letter.entry_id,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "first_seen": letter.first_seen.isoformat(),
        "buried_at": letter.dead_lettered_at.isoformat(),
    }


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _show_value(value: bytes) -> None:
    """Print JSON indented, and any other value as text."""
    try:
        print_indented_json(cast("object", json.loads(value)))
    except (ValueError, RecursionError):
        output.print(lines(_text(value)))
