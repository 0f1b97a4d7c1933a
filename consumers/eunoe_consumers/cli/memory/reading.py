"""`eunoe memory get`, `history`, `list` and `search`."""

from typing import Annotated

import typer

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CollectionCall, CommandCall, answer
from eunoe_consumers.cli.memory.options import Filters, MemoryArgument, Origin
from eunoe_consumers.cli.memory.paging import Paging, what_follows
from eunoe_consumers.cli.memory.panels import FIND
from eunoe_consumers.cli.memory.show import memories_shown, memory_record, versions_table
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.read import DEFAULT_FOUND, MAX_FOUND, FoundMemory

app = typer.Typer()


@command(app, f"eunoe memory get {examples.WHOSE} {examples.ONE}", panel=FIND)
def get(
    memory_id: MemoryArgument,
    *,
    forgotten: Annotated[bool, typer.Option("--forgotten", help="Also if it was forgotten.")] = False,
    call: CommandCall,
) -> None:
    """Show one memory with every fact about it."""
    memory = call.ask(lambda curator, scope: curator.get(scope, memory_id, forgotten=forgotten, deadline=call.seconds))
    answer(call, memory, memory_record(memory))


@command(app, f"eunoe memory history {examples.WHOSE} {examples.ONE}", panel=FIND)
def history(
    memory_id: MemoryArgument,
    *,
    forgotten: Annotated[bool, typer.Option("--forgotten", help="Also if it was forgotten.")] = False,
    before: Annotated[int | None, typer.Option(min=1, help="Only contents of versions before this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="How many contents at most.")] = DEFAULT_PAGE,
    call: CommandCall,
) -> None:
    """Show what a memory has said, the newest first, and which memories it replaced."""
    found = call.ask(
        lambda curator, scope: curator.history(
            scope, memory_id, forgotten=forgotten, before=before, limit=limit, deadline=call.seconds
        )
    )
    lines = [f"it replaced {replaced}: its own history goes further back" for replaced in found.replaced]
    if len(found.versions) == limit and (oldest := found.versions[-1].version) > 1:
        lines.append(f"there may be more: --before {oldest} goes on")
    answer(call, found, versions_table(found.versions), *lines)


@command(
    app,
    f"eunoe memory list {examples.WHOSE} --tier personal --metadata '{{\"stressor\": true}}' --all",
    panel=FIND,
    name="list",
)
def show_all(*, filters: Filters, origin: Origin, paging: Paging, call: CommandCall) -> None:
    """List the memories that apply to an agent, a user, or both; the newest first.

    For an agent with a user that is what belongs to both, to the agent with every user, and to the user with every
    agent. Every filter that is given must hold.
    """
    filter_ = filters.filter(origin.ref(call))
    memories, cursor = call.ask(
        lambda curator, scope: paging.follow(
            lambda limit, cursor: curator.list(scope, filter_, limit=limit, cursor=cursor, deadline=call.seconds),
            lambda page: page.memories,
        ),
        listed_by=CollectionCall.listed_by,  # all that a filter can name and that can be absent
    )
    document = {"memories": [memory.model_dump(mode="json") for memory in memories], "cursor": cursor}
    answer(call, document, memories_shown((memory, "") for memory in memories), *what_follows(cursor))


@command(app, f'eunoe memory search {examples.WHOSE} "Which pets are there?" --limit 3 --min-cosine 0.3', panel=FIND)
def search(
    query: Annotated[str | None, typer.Argument(help="What to look for; without it: the newest.")] = None,
    *,
    limit: Annotated[int, typer.Option(min=1, max=MAX_FOUND, help="How many at most.")] = DEFAULT_FOUND,
    min_cosine: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Leave out what is less similar than this.")
    ] = None,
    filters: Filters,
    origin: Origin,
    call: CommandCall,
) -> None:
    """Find memories by meaning, the nearest first, with their distances; filters as `eunoe memory list` has them."""
    filter_ = filters.filter(origin.ref(call))
    found = call.ask(
        lambda curator, scope: curator.search(
            scope, query, filter_, limit=limit, min_cosine=min_cosine, deadline=call.seconds
        ),
        listed_by=CollectionCall.listed_by,
    )
    document = {"found": [one.model_dump(mode="json") for one in found]}
    answer(call, document, memories_shown((one.memory, distance(one)) for one in found))


def distance(found: FoundMemory) -> str:
    """Return how far from the query a memory is, in words."""
    return "" if found.distance is None else f"distance {found.distance:.3f}"
