"""The console of all commands. Values from outside are data here: never markup, never control characters.

Results go to standard output, everything else to standard error. A `str` is one line: a line break in it is shown
escaped, like every control character. `lines` makes a text of several lines. Commands use no other console and no other
text, so that no command can forget this; ruff bans the rest of rich and typer that writes.
"""

import codecs
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, OverflowMethod, RenderableType
from rich.highlighter import JSONHighlighter
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.records import fitting

# Control characters (C0, DEL, C1), separators of lines, overrides and isolates of the writing direction, and lone
# surrogates. A terminal obeys the first, reorders a line for the others, and cannot show the last.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_IN_JSON = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_CHARACTERS = str.maketrans({**dict.fromkeys("─━╌╸╺╴╶", "-"), **dict.fromkeys("│┃", "|"), "…": ".", "•": "*"})
_BOX_CHARACTERS = range(0x2500, 0x2580)


def escape_controls(text: str, *, keep: str = "") -> str:
    r"""Return a text with its control characters in the form `\x1b`. Those in `keep` stay."""
    return _CONTROLS.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def line(text: str, style: str | Style = "") -> Text:
    """Return a text as one line with a style."""
    return Text(escape_controls(text), style)


def lines(*parts: str | Text, style: str | Style = "") -> Text:
    """Return texts one below the other. Each may have several lines; other control characters are shown escaped."""
    texts = (part if isinstance(part, Text) else Text(_without_controls(part), style) for part in parts)
    return Text("\n").join(texts)


def _without_controls(text: str) -> str:
    return escape_controls(text.replace("\r\n", "\n"), keep="\n\t")


class _Console(Console):
    """Shows text without markup and control characters, and a table that is too wide as a list of records."""

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: Callable[[str | Text], Text] | None = None,
    ) -> Text:
        """Return a text as one line. The last four would read it as more than text, so they are ignored."""
        del emoji, markup, highlight, highlighter
        return Text(escape_controls(text), style, justify=justify, overflow=overflow)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render everything that is printed, cells and titles included."""
        if isinstance(renderable, Text) and _CONTROLS.search(renderable.plain):
            renderable = _escaped_text(renderable)
        elif isinstance(renderable, Table):
            renderable = fitting(renderable, self, options or self.options)
        return super().render(renderable, options)


def _escaped_text(text: Text) -> Text:
    """Escape the control characters of a text that was made elsewhere. Line breaks, tabs and styles stay."""
    escaped, done = text.blank_copy(), 0
    for found in _CONTROLS.finditer(text.plain):
        if found[0] not in "\n\t":
            escaped.append_text(text[done : found.start()]).append(_escaped(found[0]))
            done = found.end()
    return escaped.append_text(text[done:])


Bar: TypeAlias = Progress
output = _Console()
errors = _Console(stderr=True)


def print_plain(*texts: str | Text, style: str | None = None, console: Console = output) -> None:
    """Write lines without wrapping, so that they can be copied."""
    for text in texts:
        console.print(text, style=style, soft_wrap=True)


def print_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> None:
    """Write one JSON document for programs, in one line; UUIDs and times become text."""
    sys.stdout.write(f"{_json_text(value)}\n")


def print_indented_json(value: object) -> None:
    """Write a JSON document for people, and for programs as well."""
    output.print(JSONHighlighter()(_json_text(value, indent=2)), soft_wrap=True)


def _json_text(value: object, *, indent: int | None = None) -> str:
    """Return JSON that a terminal shows as it is. JSON itself escapes C0 only, and only ASCII suits every encoding."""
    text = json.dumps(value, default=str, indent=indent, ensure_ascii=not _is_unicode(sys.stdout.encoding))
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().startswith("utf")


def confirm(question: str, *, err: bool = False) -> None:
    """Ask on the terminal; raise Abort unless the answer is yes."""
    typer.confirm(escape_controls(question), abort=True, err=err)


def progress(*columns: str | ProgressColumn, **options: Any) -> Bar:  # noqa: ANN401 - rich's own options
    """Return a progress bar on standard error. A `str` is the template of a text, whose values are no markup."""
    shown = (TextColumn(column, markup=False) if isinstance(column, str) else column for column in columns)
    return Progress(*shown, console=errors, **options)


def replace_unencodable() -> None:
    """Let standard output and standard error replace characters that their encoding lacks."""
    codecs.register_error("eunoe.replace", _replacement)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # tests and libraries may have put something else there
            stream.reconfigure(errors="eunoe.replace")


def _replacement(error: UnicodeError) -> tuple[str, int]:
    """Return a replacement of the same width, so that tables stay aligned: lines of ASCII for lines, else `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end].translate(_LINE_CHARACTERS)
    shown = (_ascii(character) for character in found)
    return "".join(shown), error.end


def _ascii(character: str) -> str:
    if ord(character) < 128:  # noqa: PLR2004 - the first character that is not ASCII
        return character
    return "+" if ord(character) in _BOX_CHARACTERS else "?" * cell_len(character)
