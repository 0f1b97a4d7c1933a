"""`eunoe recall`: ask memory, as an orchestrator would before a model call."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.options import AgentOption, JsonOption, TenantOption, UserOption, find_tenant, redis_server
from eunoe_consumers.settings import Settings
from eunoe_schema.memory.directives import Directive
from eunoe_schema.memory.enums import Tier
from eunoe_schema.memory.recalled import RecalledMemory
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
    query: Annotated[str, typer.Argument(help="What to look for; usually the user's message.")],
    *,
    tenant: TenantOption,
    agent: AgentOption,
    user: UserOption,
    top_k: Annotated[int | None, typer.Option(min=0, max=MAX_TOP_K, help="How many turns at most.")] = None,
    window: Annotated[
        int | None, typer.Option(min=0, max=MAX_WINDOW, help="How many of the window's last messages; 0 for none.")
    ] = None,
    min_cosine: Annotated[
        float | None, typer.Option(min=-1.0, max=1.0, help="Leave out turns less similar than this.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="ENTRY_ID", help="Wait until this entry (of a receipt) is in the window.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="EVENT_ID", help="Leave this event out; repeatable.")
    ] = None,
    token_budget: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_TOKEN_BUDGET, help="How many tokens the turns may have in all; the best are kept."),
    ] = None,
    neighbours: Annotated[
        bool, typer.Option("--neighbours", help="Show each turn with the message before and after it.")
    ] = False,
    excerpts: Annotated[
        bool | None, typer.Option(help="Show a long turn as the piece that matches, or whole.", show_default=False)
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the parts that each score is the sum of.")] = False,
    memories: Annotated[
        int | None, typer.Option(min=0, max=MAX_MEMORIES, help="How many curated memories of each tier at most.")
    ] = None,
    tier: Annotated[
        list[Tier] | None, typer.Option(help="A further tier of memories; personal ones always come. Repeatable.")
    ] = None,
    deadline: Annotated[
        float, typer.Option(max=MAX_DEADLINE_SECONDS, metavar="SECONDS", help="How long to wait for the reply.")
    ] = 5.0,
    as_json: JsonOption = False,
) -> None:
    """Show what memory holds for a query: the sliding window, directives and memories, and the turns that answer.

    A turn that is in the window is not repeated among the turns: in a short conversation, --window 0 shows all that is
    found. What is not given is decided by the consumers' settings (`eunoe settings`). Needs a running recall consumer.
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
    output.print(_window_table(context.window))
    if context.directives:
        output.print(_directives_table(context.directives))
    if context.memories:
        output.print(_memories_table(context.memories))
    output.print(_turns_table(context.turns))
    if any(turn.explanation for turn in context.turns):
        output.print(_explanation_table(context.turns))
    for cut in context.cut:
        output.print(
            Text(f"cut by the token budget: {cut.event_id}, score {cut.score:.3f}, {cut.tokens} tokens", "yellow")
        )
    fresh = context.freshness
    if fresh.applied is not None:
        state = f"entry {fresh.after} is in the window" if fresh.applied else f"not in the window: {fresh.reason}"
        output.print(Text(f"{state}; waited {fresh.waited_ms:.0f} ms", "" if fresh.applied else "yellow"))
    latest = f"newest entry of the window {fresh.latest_entry_id}" if fresh.latest_entry_id else "the window is empty"
    took = context.timings
    output.print(
        f"{latest}; {took.total_ms:.1f} ms: embedding {took.embed_ms:.1f}, window {took.window_ms:.1f}, "
        f"turns {took.turns_ms:.1f}, memories {took.memories_ms:.1f}; queued {took.queued_ms:.1f} before",
        style="dim",
        highlight=False,
    )
    for missing in context.missing:
        output.print(Text(f"missing: {missing.part}: {missing.reason}", "yellow"))


def _window_table(messages: tuple[WindowMessage, ...]) -> Table:
    table = Table(title="window, oldest first", title_justify="left", expand=True)
    for name, ratio in (("when", None), ("who", None), ("content", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for message in messages:
        table.add_row(_when(message.at), _who(message), Text(message.content))
    return table


def _directives_table(directives: tuple[Directive, ...]) -> Table:
    table = Table(title="directives, in their order", title_justify="left", expand=True)
    for name, ratio in (("name", None), ("for", None), ("content", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for directive in directives:
        table.add_row(Text(directive.name), "this user" if directive.user_id else "every user", Text(directive.content))
    return table


def _memories_table(memories: tuple[RecalledMemory, ...]) -> Table:
    table = Table(title="memories, the nearest of each tier first", title_justify="left", expand=True)
    for name, ratio in (("tier", None), ("cosine", None), ("when", None), ("content", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for memory in memories:
        cosine = "" if memory.cosine is None else f"{memory.cosine:.3f}"
        table.add_row(memory.tier, cosine, _when(memory.created_at), Text(memory.content))
    return table


def _turns_table(turns: tuple[Turn, ...]) -> Table:
    table = Table(title="turns, best first", title_justify="left", expand=True)
    for name, ratio in (("score", None), ("cosine", None), ("when", None), ("who", None), ("content", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for turn in turns:
        when = _when(turn.occurred_at or turn.created_at)
        table.add_row(f"{turn.score:.3f}", f"{turn.cosine:.3f}", when, _who(turn), _content(turn))
    return table


def _content(turn: Turn) -> Text:
    """Return what a turn says, what stands beside it, and where an excerpt is from."""
    shown = Text()
    if turn.before:
        shown.append(f"before: {_who(turn.before)}: {turn.before.content}\n", "dim")
    shown.append(turn.content)
    if (excerpt := turn.excerpt) is not None:
        shown.append(f"\n(characters {excerpt.starts_at}-{excerpt.ends_at} of {excerpt.content_chars})", "dim")
    if turn.after:
        shown.append(f"\nafter: {_who(turn.after)}: {turn.after.content}", "dim")
    return shown


def _explanation_table(turns: tuple[Turn, ...]) -> Table:
    """Return what each turn's score is the sum of, the largest part first."""
    table = Table(title="parts of the scores", title_justify="left", expand=True)
    for name, ratio in (("event", None), ("score", None), ("is the sum of", 1)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for turn in turns:
        parts = sorted((turn.explanation or {}).items(), key=lambda part: -abs(part[1]))
        table.add_row(
            Text(turn.event_id), f"{turn.score:.3f}", ", ".join(f"{name} {value:.3f}" for name, value in parts)
        )
    return table


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "?"


def _who(message: WindowMessage | Turn | Neighbour) -> Text:
    return Text(f"{message.speaker} ({message.role})" if message.speaker else message.role)
