"""The parity table of ARCHITECTURE.md names tests that there are."""

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"`(test_\w+): (\w+)`")


def test_every_test_that_the_parity_table_names_is_there() -> None:
    """By file and name: a test that is renamed or removed takes its row's proof along."""
    text = (_ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition("### Parity: fields and behaviours")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| what ")]
    assert rows
    for row in rows:
        named = _NAMED.findall(row)
        assert named, row
        for file, name in named:
            (path,) = (_ROOT / "tests").rglob(f"{file}.py")
            assert f"def test_{name}(" in path.read_text(encoding="utf-8"), f"{file}: {name}"
