"""docs/parity.md names tests that exist."""

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`(test_\w+): (\w+)`")


def test_every_test_that_the_parity_table_names_is_there() -> None:
    """A row without its test would promise what nothing checks."""
    text = (_ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what ")]
    assert rows
    for row in rows:
        named = _NAMED.findall(row)
        assert named, row
        for file, name in named:
            (path,) = (_ROOT / "tests").rglob(f"{file}.py")
            assert f"def test_{name}(" in path.read_text(encoding="utf-8"), f"{file}: {name}"
