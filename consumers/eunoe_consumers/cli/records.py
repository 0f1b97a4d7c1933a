"""Fit a table into the terminal: with readable columns, or else as a list of records."""

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

# Columns that are at most this wide, such as a UUID, are not broken within a word. Wider ones hold sentences.
_WORD_COLUMNS = 36
_SENTENCE_COLUMNS = 20
_PADDING = 2


def fitting(table: Table, console: Console, options: ConsoleOptions) -> RenderableType:
    """Return the table with readable columns; if they do not fit, a list of records; without a header, the table."""
    columns = table.columns
    if not table.show_header or not columns:
        return table
    borders = len(columns) + 1 if table.box else 0
    left = options.max_width - borders - _PADDING * len(columns)
    sizes = [_size(column, console, options.update_width(1_000)) for column in columns]
    left -= sum(least for least, _ in sizes)
    if left < 0:
        return _records(table, console, options.max_width)
    # Columns that need little more get it first.
    for column, (least, wanted) in sorted(zip(columns, sizes, strict=True), key=lambda one: one[1][1] - one[1][0]):
        column.width = min(wanted, least + left)
        left -= column.width - least
    if table.expand:
        columns[-1].width = (columns[-1].width or 0) + left
    return table


def _size(column: Column, console: Console, options: ConsoleOptions) -> tuple[int, int]:
    """Return the least readable width of a column, and the width that it would like."""
    if column.width is not None:
        return column.width, column.width
    ranges = [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
    word, longest = max(one.minimum for one in ranges), max(one.maximum for one in ranges)
    if column.no_wrap:
        return longest, longest
    return (word if longest <= _WORD_COLUMNS else min(_SENTENCE_COLUMNS, longest)), longest


def _records(table: Table, console: Console, width: int) -> Group:
    shown: list[RenderableType] = []
    if table.title:
        shown.append(_text(table.title, console, "italic"))
    names = [_text(column.header, console, "bold") for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        if shown:
            shown.append("")
        for name, cell in zip(names, row, strict=True):
            value = _text(cell, console)
            if not value.plain:
                continue
            if "\n" not in value.plain and name.cell_len + 2 + value.cell_len <= width:
                shown.append(Text(": ").join([name, value]))
            else:
                shown += [Text.assemble(name, ":"), Padding(value, (0, 0, 0, 2))]
    return Group(*shown)


def _text(cell: RenderableType, console: Console, style: str = "") -> Text:
    text = cell.copy() if isinstance(cell, Text) else console.render_str(str(cell))
    if style:
        text.stylize(style)
    return text
