"""Memories from JSON lines: read and checked to the end, then remembered in requests of a hundred."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from eunoe_consumers.cli.console import errors
from eunoe_consumers.cli.memory.call import CommandCall, answer, no_reply
from eunoe_schema.errors import EunoeError, InvalidEvent
from eunoe_schema.memory import MemoryScope, NewMemory, Remembered
from eunoe_schema.memory.remember import MAX_MEMORIES
from eunoe_schema.validation import checked

if TYPE_CHECKING:
    from eunoe_producers import Curator

_SHOWN_ERRORS = 10
# A hundred long texts take the model a while.
_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True)
class MemoryLine:
    """A line that says what to remember.

    Attributes:
        number: Its number in the file, from 1.
        memory: What it says.
    """

    number: int
    memory: NewMemory


def read_lines(file: Path, defaults: Mapping[str, object]) -> list[MemoryLine]:
    """Return what the lines of a file say, or those of standard input for `-`; empty ones are passed over.

    Args:
        file: The file.
        defaults: Fields of every line that does not name them.

    Raises:
        InvalidEvent: If a line is wrong, after the first few of those were shown, or there is none.
        OSError: If the file cannot be read.
    """
    text = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    lines, wrong = parse_lines(text.split(b"\n"), defaults)
    for number, reason in wrong[:_SHOWN_ERRORS]:
        errors.print(Text(f"line {number}: {reason}", "yellow"), soft_wrap=True)
    if wrong:
        msg = f"{len(wrong)} of {len(wrong) + len(lines)} lines are wrong, and nothing was remembered: mend them first"
        raise InvalidEvent(msg)
    if not lines:
        name = "standard input" if str(file) == "-" else str(file)
        msg = f'{name} holds no line: each should be a JSON object such as {{"content": "..."}}'
        raise InvalidEvent(msg)
    return lines


def parse_lines(
    texts: Iterable[bytes], defaults: Mapping[str, object]
) -> tuple[list[MemoryLine], list[tuple[int, str]]]:
    """Return the lines that say what to remember, and of the others the number and what is wrong."""
    lines: list[MemoryLine] = []
    wrong: list[tuple[int, str]] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            lines.append(MemoryLine(number, checked(NewMemory, **{**defaults, **_object(text)})))
        except InvalidEvent as error:
            wrong.append((number, str(error)))
    return lines, wrong


def remember_lines(call: CommandCall, lines: Sequence[MemoryLine], request_id: str | None) -> None:
    """Remember what the lines say, request after request, and print what became of them.

    Raises:
        EunoeError: If a request failed; it names the lines, and how to go on.
    """
    base = request_id or uuid4().hex
    try:
        remembered = call.change(lambda curator, scope: _send(curator, scope, lines, base, call))
    except KeyboardInterrupt:
        errors.print(_goes_on(base), highlight=False, soft_wrap=True)
        raise
    new = sum(one.created for one in remembered)
    near = sum(bool(one.candidates) for one in remembered)
    sentence = f"{len(remembered)} lines: {new} remembered, {len(remembered) - new} confirmed"
    if near:
        sentence += f"; {near} of them say nearly what another memory says (--json names those)"
    answer(call, {"remembered": [one.model_dump(mode="json") for one in remembered]}, sentence)


async def _send(
    curator: "Curator", scope: MemoryScope, lines: Sequence[MemoryLine], base: str, call: CommandCall
) -> list[Remembered]:
    remembered: list[Remembered] = []
    with _bar() as bar:
        task = bar.add_task("remembering", total=len(lines))
        for start in range(0, len(lines), MAX_MEMORIES):
            chunk = lines[start : start + MAX_MEMORIES]
            try:
                remembered += await curator.remember(
                    scope,
                    *(line.memory for line in chunk),
                    # Of its place, so that the same file sent again is the same requests.
                    request_id=f"{base}:{chunk[0].number}",
                    deadline=_DEADLINE_SECONDS if call.deadline is None else call.deadline,
                )
            except EunoeError as error:
                place = f"lines {chunk[0].number}-{chunk[-1].number}"
                msg = f"{place}: {_why(error, base)} ({start} of {len(lines)} are remembered)"
                raise EunoeError(msg) from error
            bar.advance(task, len(chunk))
    return remembered


def _why(error: EunoeError, base: str) -> str:
    """Return why a request failed, and where that helps how to go on."""
    from eunoe_producers import CurationRefused, CurationTimeout  # noqa: PLC0415 - redis

    if isinstance(error, CurationRefused | InvalidEvent):
        return str(error)
    reason = no_reply(error) if isinstance(error, CurationTimeout) else f"{error}:"
    return f"{reason} {_goes_on(base)}"


def _goes_on(base: str) -> str:
    return f"the same command with --request-id {base} goes on, and does nothing twice"


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True)


def _object(text: bytes) -> dict[str, object]:
    try:
        found = cast("object", json.loads(text))
    except (ValueError, RecursionError) as error:
        msg = f"it is not JSON: {error}"
        raise InvalidEvent(msg) from error
    if not isinstance(found, dict):
        msg = "it is no JSON object"
        raise InvalidEvent(msg)
    return cast("dict[str, object]", found)
