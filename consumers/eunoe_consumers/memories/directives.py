"""Directives: standing instructions for an agent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.refusals import invalid, missing, version_conflict
from eunoe_consumers.postgres.memory_recall import read_directives
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.directives import (
    MAX_DIRECTIVES,
    DirectiveRemovedResult,
    DirectiveResult,
    DirectivesResult,
    ListDirectivesRequest,
    OrderDirectivesRequest,
    RemoveDirectiveRequest,
    SetDirectiveRequest,
)

if TYPE_CHECKING:
    import asyncpg


class DirectiveQueries(QueryFile, file="directives"):
    """Statements that change the table `directives`; memory_recall.sql has the one that reads it."""

    lock_directives: Statement
    set_directive: Statement
    order_directives: Statement
    remove_directive: Statement


@handles(SetDirectiveRequest)
async def set_directive(request: SetDirectiveRequest, call: Call) -> DirectiveResult:
    """Create or change a directive."""
    await table.ensure_exists(call.db, call.scope)
    present = await _lock(call)
    if request.version is not None:
        _require_version(present, request.name, request.version)
    if request.name not in present and len(present) >= MAX_DIRECTIVES:
        raise invalid(f"name: there are {len(present)} directives in this scope, no more are taken: remove one first")
    directive_id = await call.db.fetchval(
        DirectiveQueries.set_directive,
        new_id=uuid4(),
        name=request.name,
        content=request.content,
        ordinal=request.ordinal,
    )
    (directive,) = await read_directives(call.db, directive_id)
    return DirectiveResult(directive=directive)


@handles(ListDirectivesRequest)
async def list_directives(request: ListDirectivesRequest, call: Call) -> DirectivesResult:
    """Return the directives that apply."""
    del request  # the call has its scope
    return DirectivesResult(directives=await read_directives(call.db))


@handles(OrderDirectivesRequest)
async def order_directives(request: OrderDirectivesRequest, call: Call) -> DirectivesResult:
    """Put the directives of an owner into another order; return all that apply."""
    present = await _lock(call)
    for name in request.names:
        if name not in present:
            raise missing(f"directive {name!r}")
    if absent := [name for name in present if name not in request.names]:
        raise invalid(f"names: {', '.join(map(repr, absent))} would have no place: name every directive of the scope")
    await call.db.execute(DirectiveQueries.order_directives, ids=[present[name]["id"] for name in request.names])
    return DirectivesResult(directives=await read_directives(call.db))


@handles(RemoveDirectiveRequest)
async def remove_directive(request: RemoveDirectiveRequest, call: Call) -> DirectiveRemovedResult:
    """Remove a directive."""
    directive_id = _require_version(await _lock(call), request.name, request.version)
    await call.db.execute(DirectiveQueries.remove_directive, id=directive_id)
    return DirectiveRemovedResult(directive_id=directive_id)


async def _lock(call: Call) -> "Mapping[str, asyncpg.Record]":
    """Lock the directives of the owner, and return their ids and versions by name, in their order."""
    return {row["name"]: row for row in await call.db.fetch(DirectiveQueries.lock_directives)}


def _require_version(present: "Mapping[str, asyncpg.Record]", name: str, version: int | None) -> UUID:
    """Return the id of a directive if it has the version that the caller has seen."""
    if name not in present:
        raise missing(f"directive {name!r}")
    if version is not None and present[name]["version"] != version:
        raise version_conflict(f"directive {name!r}", expected=version, found=present[name]["version"])
    return present[name]["id"]
