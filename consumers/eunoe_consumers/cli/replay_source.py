"""Read the lines of a replayed file, and map each to the fields of an event."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from eunoe_schema.events import MessageEvent

# Other systems write ids as numbers. The contract requires text in these fields.
_TEXT_FIELDS = frozenset({"event_id", "user_id", "content", "session_id", "thread_id", "channel", "speaker"})


@dataclass(frozen=True)
class Line:
    """A line that is not blank; `number` counts from 1."""

    number: int
    text: bytes


@dataclass(frozen=True)
class Chunk:
    """Lines that are published together.

    Attributes:
        lines: The lines that are not blank.
        last_number: The number of the last line read.
        end_bytes: The file position of the next chunk.
    """

    lines: Sequence[Line]
    last_number: int
    end_bytes: int


@dataclass(frozen=True)
class FieldMapping:
    """Converts a line of the file into the fields of an event.

    Attributes:
        sources: The name in the file for each mapped field of the event.
        constants: Fields that have the same value in every event.
    """

    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    constants: Mapping[str, object] = field(default_factory=dict[str, object])

    def fields(self, text: bytes) -> dict[str, object]:
        """Return the fields of the event.

        With `sources`, the event's other fields are read under their own names, and the file's other fields are
        ignored. Without `sources`, all fields of the file are returned, so that the contract refuses unknown ones.

        Raises:
            ValueError: If the line is not a JSON object in UTF-8.
        """
        found = cast("object", json.loads(text))
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")  # noqa: TRY004 - the line's content is wrong, no caller passed a wrong type
        row = cast("dict[str, object]", found)
        if self.sources:
            own = {name: row[name] for name in MessageEvent.model_fields if name in row and name not in self.sources}
            row = own | {name: _as_text(name, row[source]) for name, source in self.sources.items() if source in row}
        return {**row, **self.constants}


def _as_text(name: str, value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number and name in _TEXT_FIELDS else value


def read_chunks(path: Path, *, start_bytes: int, start_line: int, size: int) -> Iterator[Chunk]:
    """Read a file in chunks of `size` lines.

    Args:
        path: The file.
        start_bytes: File position of the first line to read.
        start_line: Number of lines before that position.
        size: Lines per chunk.
    """
    with path.open("rb") as file:
        file.seek(start_bytes)
        yield from _chunks(file, start_line, size)


def _chunks(file: BinaryIO, number: int, size: int) -> Iterator[Chunk]:
    while texts := list(islice(iter(file.readline, b""), size)):
        lines = [Line(place, text) for place, text in enumerate(texts, number + 1) if text.strip()]
        number += len(texts)
        yield Chunk(lines, number, file.tell())
