"""`eunoe recall`: ask for context, as an orchestrator does before a model call."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table

from eunoe_consumers.cli.console import line, lines, output, print_json
from eunoe_consumers.cli.options import AgentOption, JsonOption, TenantOption, UserOption, find_tenant
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.settings import Settings
from eunoe_schema.memory.enums import Tier
from eunoe_schema.recall import (
    MAX_DEADLINE_SECONDS,
    MAX_MEMORIES,
    MAX_TOKEN_BUDGET,
    MAX_TOP_K,
    MAX_WINDOW,
    Context,
    Neighbour,
    Turn,
    WindowMessage,
)
from eunoe_schema.scope import Scope

EXAMPLES = (
    "Example: eunoe recall --tenant acme --agent 22222222-2222-4222-8222-222222222222 --user ada --top-k 3 "
    '"What is the name of my pet?"'
)


def recall(
    query: Annotated[str, typer.Argument(help="The text to look for; usually the user's message.")],
    *,
    tenant: TenantOption,
    agent: AgentOption,
    user: UserOption,
    top_k: Annotated[int | None, typer.Option(min=0, max=MAX_TOP_K, help="How many turns at most.")] = None,
    window: Annotated[
        int | None, typer.Option(min=0, max=MAX_WINDOW, help="How many messages of the window; 0 for none.")
    ] = None,
    min_cosine: Annotated[
        float | None, typer.Option(min=-1.0, max=1.0, help="Leave out turns with a lower similarity.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ENTRY_ID", help="Wait until the entry of this receipt is in the window.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="EVENT_ID", help="Leave this event out; repeatable.")
    ] = None,
    token_budget: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_TOKEN_BUDGET, help="How many tokens all turns may take; the best turns are kept."),
    ] = None,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Show each turn with the messages before and after it.")
    ] = False,
    excerpts: Annotated[
        bool | None,
        typer.Option(help="Show the piece of a long turn that matches, or the whole turn.", show_default=False),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the parts of each score.")] = False,
    memories: Annotated[
        int | None, typer.Option(min=0, max=MAX_MEMORIES, help="How many curated memories of each tier at most.")
    ] = None,
    tier: Annotated[
        list[Tier] | None,
        typer.Option(help="Also return memories of this tier; personal memories are always returned. Repeatable."),
    ] = None,
    deadline: Annotated[
        float, typer.Option(max=MAX_DEADLINE_SECONDS, metavar="SECONDS", help="How long to wait for the reply.")
    ] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Show the context for a query: the window, directives, memories, and the turns that match.

    Turns that are in the window are not repeated. In a short conversation, --window 0 shows all matching turns. The
    settings of the consumers decide about every option that you leave out (`eunoe settings`). The command needs a
    running recall consumer (`eunoe consume recall`).
    """

    async def ask(settings: Settings, scope: Scope) -> Context:
        from eunoe_producers import Orchestrator  # noqa: PLC0415 - redis

        url, retry_seconds = settings.redis_url or "", settings.start_timeout_seconds
        async with await Orchestrator.connect(url, retry_seconds=retry_seconds) as orchestrator:
            return await orchestrator.recall(
                scope,
                query,
                top_k=top_k,
                window=window,
                min_cosine=min_cosine,
                after=after,
                exclude=exclude or (),
                token_budget=token_budget,
                neighbours=neighbours,
                excerpts=excerpts,
                explain=explain,
                memories=memories,
                tiers=tier or (),
                deadline=deadline,
            )

    with redis_server(Settings()) as resolved:
        scope = Scope(tenant_id=find_tenant(resolved, tenant), agent_id=agent, user_id=user)
        context = asyncio.run(ask(resolved, scope))
    if as_json:
        print_json(context.model_dump(mode="json"))
    else:
        _show(context)


def _show(context: Context) -> None:
    table = _table("window, oldest first", "when", "who", "content")
    for message in context.window:
        table.add_row(_when(message.at), _who(message), lines(message.content))
    output.print(table)
    if context.directives:
        table = _table("directives, in their order", "name", "for", "content")
        for one in context.directives:
            table.add_row(one.name, "this user" if one.user_id else "every user", lines(one.content))
        output.print(table)
    if context.memories:
        table = _table("memories, the nearest of each tier first", "tier", "cosine", "when", "content")
        for memory in context.memories:
            cosine = "" if memory.cosine is None else f"{memory.cosine:.3f}"
            table.add_row(memory.tier, cosine, _when(memory.created_at), lines(memory.content))
        output.print(table)
    table = _table("turns, best first", "score", "cosine", "when", "who", "content")
    for turn in context.turns:
        when = _when(turn.occurred_at or turn.created_at)
        table.add_row(f"{turn.score:.3f}", f"{turn.cosine:.3f}", when, _who(turn), _content(turn))
    output.print(table)
    if any(turn.explanation for turn in context.turns):
        table = _table("parts of the scores, the largest first", "event", "score", "sum of")
        for turn in context.turns:
            parts = sorted((turn.explanation or {}).items(), key=lambda part: -abs(part[1]))
            sum_of = ", ".join(f"{name} {value:.3f}" for name, value in parts)
            table.add_row(turn.event_id, f"{turn.score:.3f}", sum_of)
        output.print(table)
    _show_remarks(context)


def _show_remarks(context: Context) -> None:
    """Print what the token budget cut, the freshness, the timings, and the missing parts."""
    for cut in context.cut:
        about = f"cut by the token budget: {cut.event_id}, score {cut.score:.3f}, {cut.tokens} tokens"
        output.print(about, style="yellow")
    fresh = context.freshness
    if fresh.applied is not None:
        state = f"entry {fresh.after} is in the window" if fresh.applied else f"not in the window: {fresh.reason}"
        output.print(f"{state}; waited {fresh.waited_ms:.0f} ms", style="" if fresh.applied else "yellow")
    latest = f"newest entry of the window {fresh.latest_entry_id}" if fresh.latest_entry_id else "the window is empty"
    took = context.timings
    output.print(
        f"{latest}; {took.total_ms:.1f} ms: embedding {took.embed_ms:.1f}, window {took.window_ms:.1f}, "
        f"turns {took.turns_ms:.1f}, memories {took.memories_ms:.1f}; before that {took.queued_ms:.1f} ms queued",
        style="dim",
    )
    for missing in context.missing:
        output.print(f"missing: {missing.part}: {missing.reason}", style="yellow")


def _table(title: str, *columns: str) -> Table:
    """Return an empty table; its last column takes the remaining width."""
    table = Table(title=title, title_justify="left", expand=True)
    for name in columns:
        table.add_column(name, ratio=1 if name == columns[-1] else None, overflow="fold")
    return table


def _content(turn: Turn) -> RenderableType:
    """Return the text of a turn with its neighbours, and the position of an excerpt."""
    shown = [lines(turn.content)]
    if turn.before:
        shown.insert(0, line(f"before: {_who(turn.before)}: {turn.before.content}", "dim"))
    if (excerpt := turn.excerpt) is not None:
        shown.append(line(f"(characters {excerpt.starts_at}-{excerpt.ends_at} of {excerpt.content_chars})", "dim"))
    if turn.after:
        shown.append(line(f"after: {_who(turn.after)}: {turn.after.content}", "dim"))
    return lines(*shown)


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "?"


def _who(message: WindowMessage | Turn | Neighbour) -> str:
    return f"{message.speaker} ({message.role})" if message.speaker else message.role
