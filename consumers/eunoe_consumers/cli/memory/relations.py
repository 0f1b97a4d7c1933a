"""`eunoe memory relate`, `unrelate` and `walk`: what memories are to one another."""

from typing import Annotated
from uuid import UUID

import typer

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CommandCall, answer
from eunoe_consumers.cli.memory.options import MemoryArgument, Repeatable
from eunoe_consumers.cli.memory.panels import RELATE
from eunoe_consumers.cli.memory.show import memories_shown
from eunoe_schema.memory import Direction, RelationType, Status, WalkResult
from eunoe_schema.memory.relations import DEFAULT_WALKED, MAX_DEPTH, MAX_WALKED

app = typer.Typer()
FromArgument = Annotated[UUID, typer.Argument(metavar="FROM", help="The memory that supports, refines, causes ...")]
TypeArgument = Annotated[RelationType, typer.Argument(metavar="TYPE", help="What it is to the other.")]
ToArgument = Annotated[UUID, typer.Argument(metavar="TO", help="The other memory.")]


@command(app, f"eunoe memory relate {examples.WHOSE} {examples.ONE} supports {examples.OTHER}", panel=RELATE)
def relate(
    from_id: FromArgument, type_: TypeArgument, to_id: ToArgument, *, change: Repeatable, call: CommandCall
) -> None:
    """Say what one memory is to another; said again, it changes nothing."""
    _require_two(from_id, to_id)
    changed = call.change(
        lambda curator, scope: curator.relations.relate(
            scope, from_id, type_, to_id, request_id=change.request_id, deadline=call.seconds
        )
    )
    told = "" if changed else ", as was said before"
    answer(call, _document(from_id, type_, to_id, changed=changed), f"{from_id} {type_} {to_id}{told}")


@command(app, f"eunoe memory unrelate {examples.WHOSE} {examples.ONE} supports {examples.OTHER}", panel=RELATE)
def unrelate(
    from_id: FromArgument, type_: TypeArgument, to_id: ToArgument, *, change: Repeatable, call: CommandCall
) -> None:
    """Take a relation back; one that is not there is no error."""
    _require_two(from_id, to_id)
    changed = call.change(
        lambda curator, scope: curator.relations.unrelate(
            scope, from_id, type_, to_id, request_id=change.request_id, deadline=call.seconds
        )
    )
    relation = f"{from_id} {type_} {to_id}"
    told = f"taken back: {relation}" if changed else f"there was no such relation: {relation}"
    answer(call, _document(from_id, type_, to_id, changed=changed), told)


@command(
    app, f"eunoe memory walk {examples.WHOSE} {examples.ONE} --depth 3 --direction out --type supports", panel=RELATE
)
def walk(
    memory_id: MemoryArgument,
    *,
    depth: Annotated[int, typer.Option(min=1, max=MAX_DEPTH, help="How many relations away at most.")] = 1,
    direction: Annotated[Direction, typer.Option(help="Along the relations, against them, or both.")] = Direction.BOTH,
    types: Annotated[
        list[RelationType] | None, typer.Option("--type", help="Over this type only; repeatable: any.")
    ] = None,
    statuses: Annotated[
        list[Status] | None,
        typer.Option("--status", help="Over memories of this status; repeatable: any.  [default: active]"),
    ] = None,
    any_status: Annotated[bool, typer.Option("--any-status", help="Over memories of every status.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=MAX_WALKED, help="How many memories at most.")] = DEFAULT_WALKED,
    call: CommandCall,
) -> None:
    """Show the memories that can be reached from one over relations, the nearest first.

    It leads only over what applies to the agent, the user, or both, and is neither forgotten nor lapsed.
    """
    if any_status and statuses:
        msg = "--any-status and --status contradict each other"
        raise typer.BadParameter(msg)
    result = call.ask(
        lambda curator, scope: curator.relations.walk(
            scope,
            memory_id,
            depth=depth,
            direction=direction,
            types=types or (),
            statuses=() if any_status else statuses or (Status.ACTIVE,),
            limit=limit,
            deadline=call.seconds,
        )
    )
    _show(call, memory_id, result)


def _show(call: CommandCall, start: UUID, result: WalkResult) -> None:
    """Print what was reached, numbered, so that relations fit on a line: the memory where it began is 0."""
    numbers = {start: 0} | {reached.memory.id: number for number, reached in enumerate(result.reached, 1)}
    rows = [(reached.memory, f"{numbers[reached.memory.id]}: depth {reached.depth}") for reached in result.reached]
    relations = [
        f"{numbers.get(relation.from_id, relation.from_id)} {relation.type} "
        f"{numbers.get(relation.to_id, relation.to_id)}"
        for relation in result.relations
    ]
    told = [f"where 0 is {start}: {', '.join(relations)}"] if relations else []
    if not result.complete:
        told.append("there is more: a higher --limit shows what is farther")
    answer(call, result, memories_shown(rows, empty=f"nothing can be reached from {start}"), *told)


def _require_two(from_id: UUID, to_id: UUID) -> None:
    if from_id == to_id:
        msg = f"a memory is not related to itself: {from_id} is given twice"
        raise typer.BadParameter(msg)


def _document(from_id: UUID, type_: RelationType, to_id: UUID, *, changed: bool) -> dict[str, object]:
    return {"relation": {"from_id": from_id, "type": type_, "to_id": to_id}, "changed": changed}
