"""`eunoe memory collection`: sets of memories with a name."""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CollectionCall, answer
from eunoe_consumers.cli.memory.options import Repeatable, Versioned, YesOption
from eunoe_consumers.cli.memory.paging import Paging, what_follows
from eunoe_consumers.cli.memory.show import owner, record
from eunoe_schema.memory import Collection

app = typer.Typer(
    no_args_is_help=True,
    help="Sets of memories with a name; `eunoe memory list --collection ID` shows what is in one.",
)
CollectionArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The collection's id.")]
MembersArgument = Annotated[list[UUID], typer.Argument(metavar="MEMORY_ID", help="1..100 memories' ids.")]
NameArgument = Annotated[str, typer.Argument(help="Its name, once among its owner's of the same type.")]


@command(app, f'eunoe memory collection create {examples.WHOSE} "Trip to Graz" --type project')
def create(
    name: NameArgument,
    *,
    type_: Annotated[str, typer.Option("--type", help="What kind of collection it is, in your own words.")],
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    change: Repeatable,
    call: CollectionCall,
) -> None:
    """Make a collection."""
    collection = call.change(
        lambda curator, scope: curator.collections.create(
            scope,
            type_=type_,
            name=name,
            description=description,
            request_id=change.request_id,
            deadline=call.seconds,
        )
    )
    _show(call, collection)


@command(app, f"eunoe memory collection get {examples.WHOSE} {examples.COLLECTION}")
def get(collection_id: CollectionArgument, *, call: CollectionCall) -> None:
    """Show one collection."""
    _show(call, call.ask(lambda curator, scope: curator.collections.get(scope, collection_id, deadline=call.seconds)))


@command(app, f"eunoe memory collection list {examples.WHOSE} --type project", name="list")
def show_all(
    *,
    type_: Annotated[str | None, typer.Option("--type", help="Of this type only.")] = None,
    paging: Paging,
    call: CollectionCall,
) -> None:
    """List the collections that apply to an agent, a user, or both; the newest first."""
    collections, cursor = call.ask(
        lambda curator, scope: paging.follow(
            lambda limit, cursor: curator.collections.list(
                scope, type_=type_, limit=limit, cursor=cursor, deadline=call.seconds
            ),
            lambda page: page.collections,
        )
    )
    table = Table("collection", expand=True)
    table.columns[0].no_wrap = True
    table.add_column("name", ratio=1, overflow="fold")
    for one in collections:
        about = Text(str(one.id)).append(f"\n{one.members} memories, v{one.version}", "dim")
        table.add_row(about, Text(one.name).append(f"\n{one.type}", "dim"), end_section=True)
    document = {"collections": [one.model_dump(mode="json") for one in collections], "cursor": cursor}
    answer(call, document, table if collections else "there is no such collection", *what_follows(cursor))


@command(
    app, f'eunoe memory collection update {examples.WHOSE} {examples.COLLECTION} --name "Trip to Vienna" --version 1'
)
def update(
    collection_id: CollectionArgument,
    *,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Another type.")] = None,
    description: Annotated[str | None, typer.Option(help="Another description; an empty one takes it away.")] = None,
    change: Versioned,
    call: CollectionCall,
) -> None:
    """Change a collection; what is not given stays."""
    if name is None and type_ is None and description is None:
        msg = "nothing to update: give --name, --type or --description"
        raise typer.BadParameter(msg)
    collection = call.change(
        lambda curator, scope: curator.collections.update(
            scope,
            collection_id,
            version=change.version,
            type_=type_,
            name=name,
            description=description,
            request_id=change.request_id,
            deadline=call.seconds,
        )
    )
    _show(call, collection)


@command(app, f"eunoe memory collection delete {examples.WHOSE} {examples.COLLECTION} --yes")
def delete(
    collection_id: CollectionArgument, *, yes: YesOption = False, change: Versioned, call: CollectionCall
) -> None:
    """Delete a collection; its memories stay."""
    if not yes:
        typer.confirm(f"Delete collection {collection_id}? Its memories stay.", abort=True, err=True)
    call.change(
        lambda curator, scope: curator.collections.delete(
            scope, collection_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    answer(call, {"deleted": collection_id}, f"collection {collection_id} is deleted; its memories stay")


@command(app, f"eunoe memory collection add {examples.WHOSE} {examples.COLLECTION} {examples.ONE} {examples.OTHER}")
def add(
    collection_id: CollectionArgument, memory_ids: MembersArgument, *, change: Repeatable, call: CollectionCall
) -> None:
    """Put memories into a collection, all or none; those that are in it stay."""
    collection = call.change(
        lambda curator, scope: curator.collections.add(
            scope, collection_id, *memory_ids, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, collection)


@command(app, f"eunoe memory collection remove {examples.WHOSE} {examples.COLLECTION} {examples.ONE}")
def remove(
    collection_id: CollectionArgument, memory_ids: MembersArgument, *, change: Repeatable, call: CollectionCall
) -> None:
    """Take memories out of a collection; those that are not in it are no error."""
    collection = call.change(
        lambda curator, scope: curator.collections.remove(
            scope, collection_id, *memory_ids, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, collection)


def _show(call: CollectionCall, collection: Collection) -> None:
    facts = {name: value for name, value in collection if name not in {"agent_id", "user_id"}}
    answer(call, collection, record({**facts, "belongs to": owner(collection.agent_id, collection.user_id)}))
