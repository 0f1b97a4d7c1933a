"""`eunoe memory admin-search`: a whole tenant's memories, whoever they belong to."""

from typing import Annotated

import typer

from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import TenantCall, answer
from eunoe_consumers.cli.memory.panels import TENANT
from eunoe_consumers.cli.memory.reading import distance
from eunoe_consumers.cli.memory.show import memories_shown, owner
from eunoe_schema.memory import FoundMemory, Status
from eunoe_schema.memory.read import DEFAULT_FOUND, MAX_FOUND

app = typer.Typer()


@command(app, 'eunoe memory admin-search --tenant acme --words "minka cat" --status active', panel=TENANT)
def admin_search(
    query: Annotated[str | None, typer.Argument(help="What to look for by meaning, the nearest first.")] = None,
    *,
    words: Annotated[
        str | None, typer.Option(help="Instead: each of these stands in the content, in any case; the newest first.")
    ] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Of this status; repeatable: any.  [default: all]")
    ] = None,
    forgotten: Annotated[
        bool, typer.Option("--forgotten", help="Those that were forgotten and are not purged yet, instead.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MAX_FOUND, help="How many at most.")] = DEFAULT_FOUND,
    cursor: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="With --words: where to go on, as the page before has named it."),
    ] = None,
    call: TenantCall,
) -> None:
    """Search the memories of every agent and user of a tenant, those that have lapsed too.

    It crosses every scope within the tenant: it is for people who may, and for nobody's agent.
    """
    if (query is None) == (words is None):
        msg = "give either what to look for by meaning, or --words"
        raise typer.BadParameter(msg)
    if query is not None and cursor is not None:
        msg = "--cursor goes with --words: the nearest memories have one page"
        raise typer.BadParameter(msg)
    result = call.ask(
        lambda curator, tenant_id: curator.administration.search(
            tenant_id,
            query,
            words=words,
            statuses=status or (),
            forgotten=forgotten,
            limit=limit,
            cursor=cursor,
            deadline=call.seconds,
        )
    )
    more = () if result.cursor is None else (f"there is more: --cursor {result.cursor} goes on",)
    answer(call, result, memories_shown((found.memory, _note(found)) for found in result.found), *more)


def _note(found: FoundMemory) -> str:
    whose = owner(found.memory.agent_id, found.memory.user_id)
    return f"{distance(found)}\n{whose}" if found.distance is not None else whose
