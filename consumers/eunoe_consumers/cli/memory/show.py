"""Show memories in a terminal of 80 columns."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import cast

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from eunoe_consumers.cli.console import line, lines
from eunoe_schema.memory import Memory, MemoryVersion, SessionRef

_SHOWN_CHARS = 300
# Shown in other words, or not at all.
_OMITTED_FACTS = frozenset({"id", "content", "agent_id", "user_id", "content_hash", "session"})


def owner(owned: Memory | SessionRef) -> str:
    """Return the owner of a memory or a session in words."""
    agent = "every agent" if owned.agent_id is None else f"agent {owned.agent_id}"
    user = "every user" if owned.user_id is None else f"user {owned.user_id}"
    return f"{user} with {agent}" if owned.agent_id is None else f"{agent} with {user}"


def memory_record(memory: Memory) -> RenderableType:
    """Return the content of a memory and a line for each fact that is not empty."""
    session = memory.session
    facts: dict[str, object] = {
        "id": memory.id,
        "belongs to": owner(memory),
        "session": session and f"{session.session_id} of {owner(session)}",
        **{name: value for name, value in memory if name not in _OMITTED_FACTS},
    }
    grid = Table(show_header=False, box=None, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None and value not in ((), {}, ""):
            grid.add_row(name.replace("_", " "), _fact(value))
    return Group(Padding(lines(memory.content, style="bold"), (1, 2)), grid)


def memories_table(rows: Iterable[tuple[Memory, str]], *, title: str | None = None) -> Table:
    """Return a table of memories, each with a note such as its distance."""
    table = Table("memory", title=title, title_justify="left", expand=True)
    table.columns[0].no_wrap = True  # so that an id can be copied
    table.add_column("content", ratio=1, overflow="fold")
    for memory, note in rows:
        status = "forgotten" if memory.deleted_at else memory.status
        facts = f"{memory.tier}, {memory.category}, {status}, v{memory.version}"
        more = [line(fact, "dim") for fact in (*note.splitlines(), facts, _minute(memory.created_at))]
        content = memory.content
        shown = [lines(content if len(content) <= _SHOWN_CHARS else f"{content[:_SHOWN_CHARS]}...")]
        if memory.tags:
            shown.append(line(f"tags: {', '.join(memory.tags)}", "dim"))
        table.add_row(lines(str(memory.id), *more), lines(*shown), end_section=True)
    return table


def memories_or(empty: str, rows: Iterable[tuple[Memory, str]]) -> RenderableType:
    """Return a table of memories, or `empty` if there is none."""
    table = memories_table(rows)
    return table if table.row_count else empty


def versions_table(versions: Iterable[MemoryVersion]) -> Table:
    """Return a table of the contents that a memory has had."""
    table = Table("version", "since", expand=True)
    table.add_column("content", ratio=1, overflow="fold")
    for version in versions:
        facts = f"{version.tier}, {version.category}, confidence {version.confidence:.2g}"
        content = lines(version.content, line(facts, "dim"))
        table.add_row(str(version.version), _minute(version.created_at), content, end_section=True)
    return table


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _fact(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
