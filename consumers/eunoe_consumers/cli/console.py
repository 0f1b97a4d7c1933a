"""The console of the commands: results go to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

output = Console()
errors = Console(stderr=True)


def print_plain(text: str, *, style: str | None = None, console: Console = output) -> None:
    """Write a line without markup, highlighting or wrapping, so that it can be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    """Write one JSON document for programs, in one line; UUIDs and times become text."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
