"""How memories look in a terminal of 80 columns."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from eunoe_schema.memory import Memory, MemoryVersion

_SHOWN_CHARS = 300
_NOT_FACTS = frozenset({"id", "content", "agent_id", "user_id", "content_hash", "session"})


def when(moment: datetime) -> str:
    """Return a time in the terminal's words, to the minute, in UTC as it comes."""
    return f"{moment:%Y-%m-%d %H:%M}"


def owner(agent_id: UUID | None, user_id: str | None) -> str:
    """Return to whom something belongs."""
    agent = "every agent" if agent_id is None else f"agent {agent_id}"
    user = "every user" if user_id is None else f"user {user_id}"
    return f"{user} with {agent}" if agent_id is None else f"{agent} with {user}"


def record(facts: Mapping[str, object]) -> Table:
    """Return a thing as lines of a name and a value; what is absent is left out."""
    grid = Table(show_header=False, box=None, pad_edge=False)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        if value is None or value in ((), {}, ""):
            continue
        grid.add_row(name.replace("_", " "), Text(_text(value)))
    return grid


def memory_record(memory: Memory) -> RenderableType:
    """Return one memory: what it says, and every fact about it."""
    facts = {name: value for name, value in memory if name not in _NOT_FACTS}
    session = (
        memory.session and f"{memory.session.session_id} of {owner(memory.session.agent_id, memory.session.user_id)}"
    )
    whose = {"id": memory.id, "belongs to": owner(memory.agent_id, memory.user_id), "session": session}
    return Group(Padding(Text(memory.content, "bold"), (1, 2)), record({**whose, **facts}))


def memories_table(rows: Iterable[tuple[Memory, str]], *, title: str | None = None) -> Table:
    """Return memories with what is to be said of each, a note of its place in an answer first."""
    table = Table("memory", title=title, title_justify="left", expand=True)
    table.columns[0].no_wrap = True  # an id is there to be copied
    table.add_column("content", ratio=1, overflow="fold")
    for memory, note in rows:
        about = Text(str(memory.id))
        for line in (note, _about(memory), when(memory.created_at)):
            if line:
                about.append(f"\n{line}", "dim")
        table.add_row(about, _content(memory), end_section=True)
    return table


def versions_table(versions: Iterable[MemoryVersion]) -> Table:
    """Return the contents that a memory has had."""
    table = Table("version", "since", expand=True)
    table.add_column("content", ratio=1, overflow="fold")
    for version in versions:
        about = f"{version.tier}, {version.category}, confidence {version.confidence:.2g}"
        content = Text(version.content).append(f"\n{about}", "dim")
        table.add_row(str(version.version), when(version.created_at), content, end_section=True)
    return table


def memories_shown(rows: Iterable[tuple[Memory, str]], *, empty: str = "there is no such memory") -> RenderableType:
    """Return a table of memories, or a sentence where there is none."""
    table = memories_table(rows)
    return table if table.row_count else empty


def _about(memory: Memory) -> str:
    status = "forgotten" if memory.deleted_at else memory.status
    return f"{memory.tier}, {memory.category}, {status}, v{memory.version}"


def _content(memory: Memory) -> Text:
    content = memory.content
    shown = Text(content if len(content) <= _SHOWN_CHARS else f"{content[:_SHOWN_CHARS]}...")
    if memory.tags:
        shown.append(f"\ntags: {', '.join(memory.tags)}", "dim")
    return shown


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
