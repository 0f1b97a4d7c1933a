"""The lines of a replayed file: where they begin, and how each becomes the fields of an event."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from eunoe_schema.events import MessageEvent

# A number under these is an id written without quotes: the contract wants text.
_TEXT_FIELDS = frozenset({"event_id", "user_id", "content", "session_id", "thread_id", "channel", "speaker"})


@dataclass(frozen=True)
class Line:
    """A line that is not blank.

    Attributes:
        number: From 1 on.
        text: As it is in the file.
    """

    number: int
    text: bytes


@dataclass(frozen=True)
class Chunk:
    """Lines that are published at once.

    Attributes:
        lines: Those that are not blank.
        last_number: The number of the last line that was read.
        end_bytes: Where the next chunk begins.
    """

    lines: Sequence[Line]
    last_number: int
    end_bytes: int


@dataclass(frozen=True)
class Mapped:
    """What a line's object becomes.

    Attributes:
        sources: By field of the event, the name that it has in the file.
        constants: By field of the event, the value that every event gets.
    """

    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    constants: Mapping[str, object] = field(default_factory=dict[str, object])

    def fields(self, text: bytes) -> dict[str, object]:
        """Return the fields of the event that a line holds.

        With sources, fields of the event are taken under their own name too, and everything else in the file is
        ignored; without, every field of the file must be one of the event.

        Raises:
            ValueError: If the line is not a JSON object in UTF-8.
        """
        found = cast("object", json.loads(text))
        if not isinstance(found, dict):
            msg = "not a JSON object"
            raise ValueError(msg)  # noqa: TRY004 - the line's content is wrong, no caller passed a wrong type
        row = cast("dict[str, object]", found)
        if self.sources:
            own = {name: row[name] for name in MessageEvent.model_fields if name in row and name not in self.sources}
            row = own | {name: _as_text(name, row[source]) for name, source in self.sources.items() if source in row}
        return {**row, **self.constants}


def _as_text(name: str, value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and name in _TEXT_FIELDS else value


def read_chunks(path: Path, *, start_bytes: int, start_line: int, size: int) -> Iterator[Chunk]:
    """Read a file by chunks of `size` lines.

    Args:
        path: The file.
        start_bytes: Where to begin; the beginning of a line.
        start_line: How many lines are before that.
        size: Lines of a chunk.
    """
    with path.open("rb") as file:
        file.seek(start_bytes)
        yield from _chunks(file, start_line, size)


def _chunks(file: BinaryIO, number: int, size: int) -> Iterator[Chunk]:
    while texts := list(islice(iter(file.readline, b""), size)):
        lines = [Line(place, text) for place, text in enumerate(texts, number + 1) if text.strip()]
        number += len(texts)
        yield Chunk(lines, number, file.tell())
