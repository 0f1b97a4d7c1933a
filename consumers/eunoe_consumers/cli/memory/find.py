"""`eunoe memory get`, `history`, `list`, `search` and `admin-search`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated

import typer

from eunoe_consumers.cli.memory import options as o
from eunoe_consumers.cli.memory.call import MemoryCommand
from eunoe_consumers.cli.memory.show import memories_or, memory_record, owner, versions_table
from eunoe_schema.memory import FoundMemory, Memory, MemoryFilter, MemoryPage, Status
from eunoe_schema.memory.administration import AdminSearchRequest
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.history import HistoryRequest
from eunoe_schema.memory.read import DEFAULT_FOUND, MAX_FOUND, GetRequest, ListRequest, SearchRequest
from eunoe_schema.validation import checked

Found = Annotated[int, typer.Option("--limit", min=1, max=MAX_FOUND, help="How many memories at most.")]


def get(
    memory_id: o.MemoryId,
    *,
    forgotten: o.AlsoForgotten = False,
    tenant: o.Tenant,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Show one memory with all its fields."""
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    memory = call.ask(GetRequest, memory_id=memory_id, forgotten=forgotten).memory
    call.show(memory, memory_record(memory))


def history(
    memory_id: o.MemoryId,
    *,
    forgotten: o.AlsoForgotten = False,
    before: Annotated[int | None, typer.Option(min=1, help="Only contents of versions before this one.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="How many contents at most.")] = DEFAULT_PAGE,
    tenant: o.Tenant,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Show the contents that a memory has had, the newest first, and the memories that it replaced."""
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    found = call.ask(HistoryRequest, memory_id=memory_id, forgotten=forgotten, before=before, limit=limit)
    lines = [f"it replaced {replaced}, which has its own history" for replaced in found.replaced]
    if len(found.versions) == limit and (oldest := found.versions[-1].version) > 1:
        lines.append(f"there may be more: --before {oldest} shows it")
    call.show(found, versions_table(found.versions), *lines)


def list_(
    *,
    tier: o.OfTier = None,
    category: o.OfCategory = None,
    status: o.OfStatus = None,
    any_status: o.AnyStatus = False,
    tag: o.WithTag = None,
    metadata: o.WithMetadata = None,
    forgotten: o.OnlyForgotten = False,
    conditions: o.Conditions = None,
    limit: Annotated[int, typer.Option(min=1, help="How many memories at most.")] = DEFAULT_PAGE,
    every: Annotated[bool, typer.Option("--all", help="All memories, however many.")] = False,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Continue after the page with this cursor.")
    ] = None,
    tenant: o.Tenant,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """List the memories that apply to an agent, a user, or both; the newest first.

    With --agent and --user these are the memories of both, of the agent with every user, and of the user with every
    agent. A memory must meet all filters.
    """
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    given = {"tiers": tier, "categories": category, "tags": tag, "metadata": metadata, "forgotten": forgotten or None}
    filter_ = make_filter(conditions, status=status, any_status=any_status, **given)
    memories, following = call.run(
        ListRequest,
        lambda asker: follow_pages(
            lambda limit, cursor: asker.ask(ListRequest, {"filter": filter_, "limit": limit, "cursor": cursor}),
            limit=None if every else limit,
            cursor=cursor,
        ),
    )
    more = [] if following is None else [f"there is more: --cursor {following} continues, --all shows everything"]
    page = MemoryPage(memories=tuple(memories), cursor=following)
    call.show(page, memories_or("there is no such memory", ((memory, "") for memory in memories)), *more)


def search(
    query: Annotated[str | None, typer.Argument(help="The text to look for.  [default: the newest memories]")] = None,
    *,
    limit: Found = DEFAULT_FOUND,
    min_cosine: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Leave out memories with a lower similarity.")
    ] = None,
    tier: o.OfTier = None,
    category: o.OfCategory = None,
    status: o.OfStatus = None,
    any_status: o.AnyStatus = False,
    tag: o.WithTag = None,
    metadata: o.WithMetadata = None,
    forgotten: o.OnlyForgotten = False,
    conditions: o.Conditions = None,
    tenant: o.Tenant,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Search memories by meaning, the nearest first. The filters are those of `eunoe memory list`."""
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    given = {"tiers": tier, "categories": category, "tags": tag, "metadata": metadata, "forgotten": forgotten or None}
    filter_ = make_filter(conditions, status=status, any_status=any_status, **given)
    result = call.ask(SearchRequest, query=query, filter=filter_, limit=limit, min_cosine=min_cosine)
    call.show(result, memories_or("there is no such memory", ((one.memory, _distance(one)) for one in result.found)))


def admin_search(
    query: Annotated[str | None, typer.Argument(help="The text to look for by meaning, the nearest first.")] = None,
    *,
    words: Annotated[
        str | None, typer.Option(help="Words that the content contains, in any case; the newest first.")
    ] = None,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only this status; repeatable.  [default: every status]")
    ] = None,
    forgotten: o.OnlyForgotten = False,
    limit: Found = DEFAULT_FOUND,
    cursor: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="With --words: continue after the page with this cursor."),
    ] = None,
    tenant: o.Tenant,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Search the memories of all agents and users of a tenant, expired ones included.

    This crosses every scope of the tenant. It is meant for administrators, never for an agent.
    """
    if (query is None) == (words is None):
        raise typer.BadParameter("give either a text to look for by meaning, or --words")
    if query is not None and cursor is not None:
        raise typer.BadParameter("--cursor needs --words: a search by meaning has one page")
    call = MemoryCommand(tenant, deadline=deadline, as_json=as_json)
    fields = {"query": query, "words": words, "statuses": status or (), "forgotten": forgotten, "cursor": cursor}
    result = call.ask(AdminSearchRequest, request_id=None, limit=limit, **fields)
    rows = ((one.memory, f"{_distance(one)}\n{owner(one.memory)}".lstrip()) for one in result.found)
    more = [] if result.cursor is None else [f"there is more: --cursor {result.cursor} continues"]
    call.show(result, memories_or("there is no such memory", rows), *more)


async def follow_pages(
    page: Callable[[int, str | None], Awaitable[MemoryPage]],
    *,
    limit: int | None,
    cursor: str | None,
    page_size: int = MAX_PAGE,
) -> tuple[list[Memory], str | None]:
    """Return up to `limit` memories (None: all) from `cursor` on, and the cursor of the next page if there is one."""
    found: list[Memory] = []
    while True:
        latest = await page(page_size if limit is None else min(page_size, limit - len(found)), cursor)
        found += latest.memories
        cursor = latest.cursor
        if cursor is None or (limit is not None and len(found) >= limit):
            return found, cursor


def make_filter(
    conditions: Mapping[str, object] | None, *, status: Sequence[Status] | None, any_status: bool, **options: object
) -> MemoryFilter:
    """Return the filter that the options and `--filter` make together.

    Raises:
        BadParameter: If two options contradict each other.
        InvalidEvent: If a condition breaks the contract.
    """
    if any_status and status:
        raise typer.BadParameter("--any-status and --status contradict each other")
    given = {name: value for name, value in options.items() if value} | ({"statuses": status} if status else {})
    if any_status:
        given["statuses"] = ()
    if twice := given.keys() & (conditions or {}).keys():
        raise typer.BadParameter(f"--filter and another option both set {', '.join(sorted(twice))}")
    return checked(MemoryFilter, **given, **(conditions or {}))


def _distance(found: FoundMemory) -> str:
    return "" if found.distance is None else f"distance {found.distance:.3f}"
