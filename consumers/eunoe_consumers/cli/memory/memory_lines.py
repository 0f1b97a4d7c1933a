"""Remember memories from JSON lines: check all lines first, then send them in requests of 100."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

from eunoe_consumers.cli.console import errors, print_plain, progress
from eunoe_consumers.cli.memory.call import Asker, MemoryCommand, no_reply
from eunoe_consumers.cli.options import parse_object
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.memory import NewMemory, Remembered
from eunoe_schema.memory.remember import MAX_MEMORIES, RememberRequest
from eunoe_schema.validation import checked

_SHOWN_ERRORS = 10
# Embedding 100 long texts takes longer than the usual deadline.
_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True)
class MemoryLine:
    """A line of a file, counted from 1, and its memory."""

    number: int
    memory: NewMemory


def read_lines(file: Path, defaults: Mapping[str, object]) -> list[MemoryLine]:
    """Return the memories of a file, or of standard input for `-`; `defaults` has the fields that a line leaves out.

    Raises:
        InvalidEvent: If a line is wrong, or there is none. The first wrong lines are shown.
        OSError: If the file cannot be read.
    """
    text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    lines, wrong = parse_lines(text.split(b"\n"), defaults)
    for number, reason in wrong[:_SHOWN_ERRORS]:
        print_plain(f"line {number}: {reason}", style="yellow", console=errors)
    if wrong:
        raise InvalidEvent(
            f"{len(wrong)} of {len(wrong) + len(lines)} lines are wrong, and nothing was remembered: correct them first"
        )
    if not lines:
        name = "standard input" if str(file) == "-" else str(file)
        raise InvalidEvent(f'{name} has no lines: each line must be a JSON object such as {{"content": "..."}}')
    return lines


def parse_lines(
    texts: Iterable[bytes], defaults: Mapping[str, object]
) -> tuple[list[MemoryLine], list[tuple[int, str]]]:
    """Return the memories of the valid lines, and number and error of each invalid line."""
    lines: list[MemoryLine] = []
    wrong: list[tuple[int, str]] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            lines.append(MemoryLine(number, checked(NewMemory, **{**defaults, **parse_object(text)})))
        except (InvalidEvent, typer.BadParameter) as error:
            wrong.append((number, str(error)))
    return lines, wrong


def remember_lines(call: MemoryCommand, lines: Sequence[MemoryLine], request_id: str | None) -> None:
    """Send the lines, one request after the other, and print a summary.

    Raises:
        EunoeError: If a request failed. The message names its lines, and how to continue.
    """
    base = request_id or uuid4().hex
    try:
        remembered = call.run(RememberRequest, lambda asker: _send(asker, lines, base))
    except KeyboardInterrupt:
        print_plain(_how_to_continue(base), console=errors)
        raise
    new = sum(one.created for one in remembered)
    near = sum(bool(one.candidates) for one in remembered)
    sentence = f"{len(remembered)} lines: {new} remembered, {len(remembered) - new} confirmed"
    if near:
        sentence += f"; {near} have near duplicates (--json names them)"
    call.show({"remembered": [one.model_dump(mode="json") for one in remembered]}, sentence)


async def _send(asker: Asker, lines: Sequence[MemoryLine], base: str) -> list[Remembered]:
    remembered: list[Remembered] = []
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress(*columns, disable=not errors.is_terminal, transient=True) as bar:
        task = bar.add_task("remembering", total=len(lines))
        for start in range(0, len(lines), MAX_MEMORIES):
            chunk = lines[start : start + MAX_MEMORIES]
            try:
                # The line number makes the ids the same when the same file is sent again.
                request_id = f"{base}:{chunk[0].number}"
                fields = {"memories": [line.memory for line in chunk]}
                result = await asker.ask(RememberRequest, fields, request_id=request_id, deadline=_DEADLINE_SECONDS)
            except EunoeError as error:
                place = f"lines {chunk[0].number}-{chunk[-1].number}"
                raise EunoeError(f"{place}: {_reason(error, base)} ({start} of {len(lines)} are remembered)") from error
            remembered += result.remembered
            bar.advance(task, len(chunk))
    return remembered


def _reason(error: EunoeError, base: str) -> str:
    """Return why a request failed and, if repeating it may help, how to continue."""
    from eunoe_producers import CurationRefused, CurationTimeout  # noqa: PLC0415 - redis

    if isinstance(error, CurationRefused | InvalidEvent):
        return str(error)
    reason = no_reply(error) if isinstance(error, CurationTimeout) else f"{error}:"
    return f"{reason} {_how_to_continue(base)}"


def _how_to_continue(base: str) -> str:
    return f"the same command with --request-id {base} continues, and does nothing twice"
