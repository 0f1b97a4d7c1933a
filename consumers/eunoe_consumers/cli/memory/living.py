"""`eunoe memory archive`, `restore`, `approve`, `reject`, `forget`, `purge`, `tag` and `untag`."""

from typing import Annotated

import typer

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CommandCall, answer
from eunoe_consumers.cli.memory.options import MemoryArgument, Versioned, YesOption
from eunoe_consumers.cli.memory.panels import CHANGE, LIVE
from eunoe_schema.memory import Memory

app = typer.Typer()
TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG", help="1..50 tags.")]


@command(app, f"eunoe memory archive {examples.WHOSE} {examples.ONE}", panel=LIVE)
def archive(memory_id: MemoryArgument, *, change: Versioned, call: CommandCall) -> None:
    """Take an active memory out of use, without forgetting it."""
    memory = call.change(
        lambda curator, scope: curator.archive(
            scope, memory_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, memory)


@command(app, f"eunoe memory restore {examples.WHOSE} {examples.ONE}", panel=LIVE)
def restore(memory_id: MemoryArgument, *, change: Versioned, call: CommandCall) -> None:
    """Bring back a memory that was archived or forgotten."""
    memory = call.change(
        lambda curator, scope: curator.restore(
            scope, memory_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, memory)


@command(app, f"eunoe memory approve {examples.WHOSE} {examples.ONE}", panel=LIVE)
def approve(memory_id: MemoryArgument, *, change: Versioned, call: CommandCall) -> None:
    """Let a memory that awaits review count; `eunoe memory list --status pending_review` shows those."""
    memory = call.change(
        lambda curator, scope: curator.approve(
            scope, memory_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, memory)


@command(app, f"eunoe memory reject {examples.WHOSE} {examples.ONE}", panel=LIVE)
def reject(memory_id: MemoryArgument, *, change: Versioned, call: CommandCall) -> None:
    """Put a memory that awaits review aside, among the archived ones."""
    memory = call.change(
        lambda curator, scope: curator.reject(
            scope, memory_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, memory)


@command(app, f"eunoe memory forget {examples.WHOSE} {examples.ONE}", panel=LIVE)
def forget(memory_id: MemoryArgument, *, change: Versioned, call: CommandCall) -> None:
    """Forget a memory: nothing returns it any more, and it can be restored until it is purged."""
    memory = call.change(
        lambda curator, scope: curator.forget(
            scope, memory_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, memory)


@command(app, f"eunoe memory purge {examples.WHOSE} {examples.ONE} --yes", panel=LIVE)
def purge(memory_id: MemoryArgument, *, yes: YesOption = False, change: Versioned, call: CommandCall) -> None:
    """Delete a memory with its versions, tags and relations, for good."""
    if not yes:
        question = f"Delete memory {memory_id} with its versions, tags and relations for good?"
        typer.confirm(question, abort=True, err=True)
    call.change(
        lambda curator, scope: curator.purge(
            scope, memory_id, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    answer(call, {"purged": memory_id}, f"{memory_id} is purged")


@command(app, f"eunoe memory tag {examples.WHOSE} {examples.ONE} pets family", panel=CHANGE)
def tag(memory_id: MemoryArgument, tags: TagsArgument, *, change: Versioned, call: CommandCall) -> None:
    """Give a memory tags; those that it has stay."""
    memory = call.change(
        lambda curator, scope: curator.tag(
            scope, memory_id, *tags, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show_tags(call, memory)


@command(app, f"eunoe memory untag {examples.WHOSE} {examples.ONE} family", panel=CHANGE)
def untag(memory_id: MemoryArgument, tags: TagsArgument, *, change: Versioned, call: CommandCall) -> None:
    """Take tags off a memory; those that it does not have are no error."""
    memory = call.change(
        lambda curator, scope: curator.untag(
            scope, memory_id, *tags, version=change.version, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show_tags(call, memory)


def _show(call: CommandCall, memory: Memory) -> None:
    state = "forgotten" if memory.deleted_at else memory.status
    answer(call, memory, f"{memory.id} is {state}, version {memory.version}")


def _show_tags(call: CommandCall, memory: Memory) -> None:
    answer(
        call,
        memory,
        f"{memory.id} has the tags: {', '.join(memory.tags)}" if memory.tags else f"{memory.id} has no tag",
    )
