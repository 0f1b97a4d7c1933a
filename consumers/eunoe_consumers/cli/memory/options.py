"""Options and arguments that several commands of `eunoe memory` share."""

from typing import Annotated, Any
from uuid import UUID

import typer

from eunoe_consumers.cli.options import parse_object
from eunoe_schema.memory import Category, Status, Tier
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.recall import MAX_DEADLINE_SECONDS

SCOPE = "Scope and reply"

Tenant = Annotated[str, typer.Option(help="The tenant's UUID or name.", rich_help_panel=SCOPE)]
Agent = Annotated[UUID | None, typer.Option(help="The agent's UUID.  [default: every agent]", rich_help_panel=SCOPE)]
User = Annotated[
    str | None, typer.Option(help="The user's id in the channel.  [default: every user]", rich_help_panel=SCOPE)
]
Deadline = Annotated[
    float | None,
    typer.Option(
        max=MAX_DEADLINE_SECONDS,
        metavar="SECONDS",
        help=f"How long to wait for the reply.  [default: {DEFAULT_DEADLINE_SECONDS:g}]",
        rich_help_panel=SCOPE,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=SCOPE)]
RequestId = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="The id of the request. Repeat it with the same id, and it is done only once.  [default: a new id]",
        rich_help_panel=SCOPE,
    ),
]

MemoryId = Annotated[UUID, typer.Argument(metavar="ID", help="The memory's id.", show_default=False)]
Version = Annotated[int | None, typer.Option(min=1, help="Refuse the change unless the memory still has this version.")]
AlsoForgotten = Annotated[bool, typer.Option("--forgotten", help="Also show a forgotten memory.")]
OfTier = Annotated[list[Tier] | None, typer.Option("--tier", help="Only this tier; repeat it for one of several.")]
OfCategory = Annotated[list[Category] | None, typer.Option("--category", help="Only this category; repeatable.")]
OfStatus = Annotated[
    list[Status] | None, typer.Option("--status", help="Only this status; repeatable.  [default: active]")
]
AnyStatus = Annotated[bool, typer.Option("--any-status", help="Memories of every status.")]
WithTag = Annotated[list[str] | None, typer.Option("--tag", help="Only with this tag; repeat it for all of several.")]
WithMetadata = Annotated[
    dict[str, Any] | None,
    typer.Option("--metadata", parser=parse_object, metavar="JSON", help="Only if the metadata contains this object."),
]
OnlyForgotten = Annotated[bool, typer.Option("--forgotten", help="Only forgotten memories that are not purged yet.")]
Conditions = Annotated[
    dict[str, Any] | None,
    typer.Option(
        "--filter",
        parser=parse_object,
        metavar="JSON",
        help='Further conditions, such as {"sources": ["imported"], "created_from": "2026-05-01"}. '
        "`eunoe memory request list --schema` shows all of them.",
    ),
]
