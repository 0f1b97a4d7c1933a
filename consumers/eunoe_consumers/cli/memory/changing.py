"""`eunoe memory revise`, `supersede` and `merge`: what memories say."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from pydantic import BaseModel

from eunoe_consumers.cli.memory import examples
from eunoe_consumers.cli.memory.bundles import command
from eunoe_consumers.cli.memory.call import CommandCall, answer
from eunoe_consumers.cli.memory.options import (
    Fields,
    MemoriesArgument,
    MemoryArgument,
    Origin,
    Repeatable,
    TextArgument,
    Versioned,
)
from eunoe_consumers.cli.memory.panels import CHANGE
from eunoe_consumers.cli.memory.show import memory_record
from eunoe_consumers.cli.options import parse_object, parse_time, text_or_input
from eunoe_schema.memory import Category, Memory, MemoryScope, Tier
from eunoe_schema.memory.change import ReplacedResult

if TYPE_CHECKING:
    from eunoe_producers import Curator

app = typer.Typer()


@command(
    app, f'eunoe memory revise {examples.WHOSE} {examples.ONE} --content "Minka is a tabby." --version 1', panel=CHANGE
)
def revise(
    memory_id: MemoryArgument,
    *,
    content: Annotated[str | None, typer.Option(help="The new text; - reads it from standard input.")] = None,
    tier: Annotated[Tier | None, typer.Option(help="Another tier.")] = None,
    category: Annotated[Category | None, typer.Option(help="Another category.")] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="Another confidence.")] = None,
    metadata: Annotated[
        dict[str, Any] | None,
        typer.Option(parser=parse_object, metavar="JSON", help="A JSON object, in place of its metadata."),
    ] = None,
    expires_at: Annotated[
        datetime | None, typer.Option(parser=parse_time, metavar="TIME", help="When it lapses; without a zone UTC.")
    ] = None,
    never_expires: Annotated[
        bool, typer.Option("--never-expires", help="Take back a time that was given; its tier decides again.")
    ] = False,
    change: Versioned,
    call: CommandCall,
) -> None:
    """Change what a memory says; what is not given stays, and the content that it had is kept as a version."""
    if (
        all(given is None for given in (content, tier, category, confidence, metadata, expires_at))
        and not never_expires
    ):
        msg = "nothing to revise: give --content, --tier, --category, --confidence, --metadata or --expires-at"
        raise typer.BadParameter(msg)
    if expires_at is not None and never_expires:
        msg = "--expires-at and --never-expires contradict each other"
        raise typer.BadParameter(msg)
    memory = call.change(
        lambda curator, scope: curator.revise(
            scope,
            memory_id,
            version=change.version,
            content=None if content is None else text_or_input(content),
            tier=tier,
            category=category,
            confidence=confidence,
            metadata=metadata,
            expires_at=expires_at,
            never_expires=never_expires,
            request_id=change.request_id,
            deadline=call.seconds,
        )
    )
    answer(call, memory, memory_record(memory))


@command(app, f'eunoe memory supersede {examples.WHOSE} {examples.ONE} "Ada lives in Graz." --version 2', panel=CHANGE)
def supersede(
    memory_id: MemoryArgument,
    replacement: TextArgument,
    *,
    fields: Fields,
    origin: Origin,
    change: Versioned,
    call: CommandCall,
) -> None:
    """Replace a memory by a new one of its owner; the old one stays as history, and points to it.

    What no option says is taken over from the old one: tier, category, metadata, tags, end and session.
    """
    text, session = text_or_input(replacement), origin.ref(call)

    async def supersede_it(curator: "Curator", scope: MemoryScope) -> ReplacedResult:
        old = await curator.get(scope, memory_id, forgotten=True, deadline=call.seconds)
        new = fields.replacement(text, session, old)
        return await curator.supersede(
            scope, memory_id, new, version=change.version, request_id=change.request_id, deadline=call.seconds
        )

    result = call.change(supersede_it)
    _show(call, result)


@command(
    app,
    f'eunoe memory merge {examples.WHOSE} {examples.ONE} {examples.OTHER} --content "A cat and a dog."',
    panel=CHANGE,
)
def merge(
    memory_ids: MemoriesArgument,
    *,
    content: Annotated[str, typer.Option(help="What they become; - reads it from standard input.")],
    fields: Fields,
    origin: Origin,
    change: Repeatable,
    call: CommandCall,
) -> None:
    """Make 2 to 100 memories of one owner one; they stay as history, and point to it."""
    require_several(memory_ids)
    new = fields.new_memory(text_or_input(content), origin.ref(call))
    result = call.change(
        lambda curator, scope: curator.merge(
            scope, memory_ids, new, request_id=change.request_id, deadline=call.seconds
        )
    )
    _show(call, result)


def require_several(memory_ids: Sequence[UUID]) -> None:
    """Refuse to merge one memory, or one with itself.

    Raises:
        BadParameter: If that was asked for.
    """
    if len(set(memory_ids)) < max(2, len(memory_ids)):
        msg = "name at least two memories, each once"
        raise typer.BadParameter(msg, param_hint="ID")


def show_place(call: CommandCall, document: BaseModel, memory: Memory, replaced: Sequence[UUID]) -> None:
    """Print what holds now, and what is history."""
    sentence = f"{memory.id} is in the place of {', '.join(map(str, replaced))}"
    answer(call, document, sentence, memory_record(memory))


def _show(call: CommandCall, result: ReplacedResult) -> None:
    show_place(call, result, result.memory, [memory.id for memory in result.replaced])
    if not result.created and not call.as_json:
        answer(call, {}, "its owner held that content already: it was confirmed")
