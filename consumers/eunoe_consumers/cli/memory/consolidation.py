"""`eunoe memory consolidation`: old related memories become one that says what they had to say."""

from typing import Annotated

import typer
from rich.console import RenderableType

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CommandCall, answer
from eunoe_consumers.cli.memory.changing import require_several, show_place
from eunoe_consumers.cli.memory.options import Fields, MemoriesArgument, Origin, Repeatable
from eunoe_consumers.cli.memory.show import memories_table
from eunoe_consumers.cli.options import text_or_input
from eunoe_schema.memory import Tier
from eunoe_schema.memory.consolidation import DEFAULT_AGE_DAYS, DEFAULT_COSINE, DEFAULT_GROUPS, MAX_GROUPS

app = typer.Typer(
    no_args_is_help=True,
    help="Old related memories: groups are offered, your summary replaces one.",
)


@command(app, f"eunoe memory consolidation groups {examples.WHOSE} --older-than-days 30 --tier project")
def groups(
    *,
    older_than_days: Annotated[int, typer.Option(min=0, help="How old a memory is at least.")] = DEFAULT_AGE_DAYS,
    min_cosine: Annotated[
        float, typer.Option(min=-1, max=1, help="How near to a group's oldest memory the others are at least.")
    ] = DEFAULT_COSINE,
    tier: Annotated[list[Tier] | None, typer.Option(help="Of this tier only; repeatable: any.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_GROUPS, help="How many groups at most.")] = DEFAULT_GROUPS,
    call: CommandCall,
) -> None:
    """Show groups of old memories that speak of the same, each of one owner and tier, the oldest first."""
    found = call.ask(
        lambda curator, scope: curator.consolidation.groups(
            scope,
            older_than_days=older_than_days,
            min_cosine=min_cosine,
            tiers=tier or (),
            limit=limit,
            deadline=call.seconds,
        )
    )
    shown: list[RenderableType] = [
        memories_table(
            ((memory, "") for memory in group.memories), title=f"group {number}, cosine {group.min_cosine:.3f} or more"
        )
        for number, group in enumerate(found, 1)
    ]
    empty = f"no memories of {older_than_days} days or more speak of the same"
    answer(call, {"groups": [group.model_dump(mode="json") for group in found]}, *(shown or [empty]))


@command(
    app,
    f"eunoe memory consolidation replace {examples.WHOSE} {examples.ONE} {examples.OTHER} "
    '--summary "Ada has a cat, Minka, and a dog, Rex."',
)
def replace(
    memory_ids: MemoriesArgument,
    *,
    summary: Annotated[str, typer.Option(help="What they had to say; - reads it from standard input.")],
    fields: Fields,
    origin: Origin,
    change: Repeatable,
    call: CommandCall,
) -> None:
    """Put a summary in the place of 2 to 100 memories of one owner, which stay as history and point to it."""
    require_several(memory_ids)
    new = fields.new_memory(text_or_input(summary), origin.ref(call))
    memory = call.change(
        lambda curator, scope: curator.consolidation.consolidate(
            scope, memory_ids, new, request_id=change.request_id, deadline=call.seconds
        )
    )
    show_place(call, memory, memory, memory_ids)
