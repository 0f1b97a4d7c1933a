"""The console of all commands: every encoding, every width, and no value that is more than text."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.console import escape_controls, lines, output, print_json, replace_unencodable

Shown = Callable[..., str]

HOSTILE = "a[/b]c [red]:smile:[/red] \x1b[31m\x9b2J\r\b\x07\u202e\u2066\x85\u2028\x00 z"
ESCAPED = r"a[/b]c [red]:smile:[/red] \x1b[31m\x9b2J\r\x08\x07\u202e\u2066\x85\u2028\x00 z"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Return a function that prints on the console, and returns the text in an encoding and at a width."""

    def show(*objects: object, width: int = 80, encoding: str = "utf-8") -> str:
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(output, "_width", width)
        replace_unencodable()
        output.print(*objects)
        stream.flush()
        return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]

    return show


def table(*rows: tuple[str, ...], names: tuple[str, ...] = ("id", "name", "content")) -> Table:
    """Return a table."""
    made = Table(*names)
    for row in rows:
        made.add_row(*row)
    return made


@pytest.mark.parametrize(
    "made",
    [
        HOSTILE,
        Text(HOSTILE.replace("\r", "").replace("\b", "").replace("\x07", "")),
        lines(HOSTILE),
        table((HOSTILE, HOSTILE, "x")),
        table(("1", "2", "3"), names=(HOSTILE, "b", "c")),
        Group(HOSTILE, Panel(HOSTILE)),
    ],
)
def test_a_value_is_never_more_than_text(shown: Shown, made: object) -> None:
    """Whatever it is printed in: neither markup nor emoji codes are read, and control characters are escaped."""
    text = shown(made, width=200)
    assert "a[/b]c [red]:smile:[/red]" in text
    assert r"\x1b[31m\x9b2J" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", text)


def test_a_str_is_one_line_and_lines_are_several(shown: Shown) -> None:
    """So that a name with a line break cannot look like a second row."""
    assert shown("a\nb") == "a\\nb\n"
    assert shown(lines("a\r\nb\rc")) == "a\nb\\rc\n"
    assert r"a\nb" in shown(table(("1", "a\nb", "c")))


def test_programs_get_exact_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The document is the same, and a terminal that shows it obeys nothing in it."""
    print_json({"name": f"{HOSTILE}\ud800é"})
    text = capsys.readouterr().out
    assert json.loads(text) == {"name": f"{HOSTILE}\ud800é"}
    assert escape_controls(text, keep="\n") == text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_unencodable_characters_are_replaced(shown: Shown, encoding: str) -> None:
    """Lines of tables become ASCII. A wide character becomes two columns, so that tables stay aligned."""
    text = shown(table(("1", "日本 é…", "🦊 x"), ("2", "ab", "c")), encoding=encoding)
    rows = text.splitlines()
    assert len({cell_len(row) for row in rows}) == 1, rows
    if encoding != "utf-8":
        assert rows[0].startswith("+-")
        assert "????" in rows[3]


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_no_column_is_a_letter_wide(shown: Shown, width: int) -> None:
    """A table that does not fit becomes a list, whose ids can be copied, and whose lines fit the terminal."""
    identifier = "22222222-2222-4222-8222-222222222222"
    words = "The quick brown fox jumps over the lazy dog 日本語の長い文章です"
    text = shown(table((identifier, "ada", words), names=("id", "name", "content")), width=width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    if width >= 40:
        assert identifier in text
        assert "The quick brown" in text
    assert "ada" in text


def test_dead_letters_are_readable_at_80_columns(shown: Shown) -> None:
    """The reason stands in whole words."""
    made = Table("group")
    for name in ("id", "entry id"):
        made.add_column(name, no_wrap=True)
    for name in ("attempts", "dead-lettered at", "reason"):
        made.add_column(name)
    reason = "content: 120 characters, at most 100 are allowed (EUNOE_MAX_CONTENT_CHARS)"
    made.add_row("embed", "1767225600000-0", "1767225600001-0", "1", "2026-01-01 00:00:00", reason)
    text = shown(made)
    assert "content: 120 characters, at most 100 are allowed" in text
    assert "id: 1767225600000-0\n" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "encoding"),
    [(["memory", "request", "--list"], "ascii"), (["tenant", "x\x1b[31my"], "latin-1")],
)
def test_commands_run_where_the_output_is_not_unicode(arguments: list[str], encoding: str) -> None:
    """Tables and errors, with `PYTHONIOENCODING` as a cron job or an old terminal sets it."""
    finished = subprocess.run(
        [sys.executable, "-m", "eunoe_consumers", *arguments],
        env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "40", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert finished.returncode == (2 if "tenant" in arguments else 0), finished.stderr
    assert b"Traceback" not in finished.stderr
    assert b"\x1b" not in finished.stdout + finished.stderr
