"""Handle the requests on directives."""

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.refusal import invalid, nothing_there, other_version
from eunoe_consumers.postgres.directives import LockedDirective
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


async def set_directive(request: SetDirectiveRequest, call: Call) -> DirectiveResult:
    """Make or change a directive."""
    await call.unit.introduce(call.scope)
    present = await call.unit.directives.lock(call.scope)
    if request.version is not None:
        _seen(present, request.name, request.version)
    if request.name not in present and len(present) >= MAX_DIRECTIVES:
        msg = f"name: there are {len(present)} directives in this scope, no more are taken: remove one first"
        raise invalid(msg)
    (directive,) = await call.unit.directives.read(call.scope, await call.unit.directives.set(request))
    return DirectiveResult(directive=directive)


async def list_directives(request: ListDirectivesRequest, call: Call) -> DirectivesResult:
    """Return the directives that apply."""
    del request  # it says nothing but its scope
    return DirectivesResult(directives=await call.unit.directives.read(call.scope))


async def order_directives(request: OrderDirectivesRequest, call: Call) -> DirectivesResult:
    """Put an owner's directives into another order; return all that apply."""
    present = await call.unit.directives.lock(call.scope)
    for name in request.names:
        if name not in present:
            raise nothing_there(f"directive {name!r}")
    if missing := [name for name in present if name not in request.names]:
        msg = f"names: {', '.join(map(repr, missing))} would have no place: name every directive of the scope"
        raise invalid(msg)
    await call.unit.directives.order(call.scope.tenant_id, [present[name].id for name in request.names])
    return DirectivesResult(directives=await call.unit.directives.read(call.scope))


async def remove_directive(request: RemoveDirectiveRequest, call: Call) -> DirectiveRemovedResult:
    """Remove a directive."""
    directive = _seen(await call.unit.directives.lock(call.scope), request.name, request.version)
    await call.unit.directives.remove(call.scope.tenant_id, directive.id)
    return DirectiveRemovedResult(directive_id=directive.id)


def _seen(present: dict[str, LockedDirective], name: str, version: int | None) -> LockedDirective:
    """Return the directive of a name if its version is the one that was seen."""
    directive = present.get(name)
    if directive is None:
        raise nothing_there(f"directive {name!r}")
    if version is not None and directive.version != version:
        raise other_version(f"directive {name!r}", expected=version, found=directive.version)
    return directive
