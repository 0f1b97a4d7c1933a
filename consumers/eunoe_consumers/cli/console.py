"""Where commands write: results to standard output, everything else to standard error."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

output = Console()
errors = Console(stderr=True)


def print_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    """Write one JSON document for programs; UUIDs and times as text."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
