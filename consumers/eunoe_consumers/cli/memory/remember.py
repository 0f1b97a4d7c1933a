"""`eunoe memory remember`: remember one memory, or a file of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from eunoe_consumers.cli.memory import options as o
from eunoe_consumers.cli.memory.call import MemoryCommand
from eunoe_consumers.cli.memory.memory_lines import read_lines, remember_lines
from eunoe_consumers.cli.memory.show import memories_table
from eunoe_consumers.cli.options import MetadataOption, parse_time, text_or_input
from eunoe_schema.memory import Category, NewMemory, Remembered, Source, Tier
from eunoe_schema.memory.remember import RememberRequest
from eunoe_schema.validation import checked


def _parse_future(text: str) -> datetime:
    """Return a time that is not past; raise BadParameter otherwise. A memory that ends in the past is lost at once."""
    ends_at = parse_time(text)
    if (ends_at if ends_at.tzinfo else ends_at.replace(tzinfo=UTC)) <= datetime.now(UTC):
        raise typer.BadParameter(f"{ends_at:%Y-%m-%d %H:%M} is past: the memory would expire at once")
    return ends_at


def remember(
    content: Annotated[
        str | None, typer.Argument(help="The text, 1..8,192 characters; - reads it from standard input.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            allow_dash=True,
            metavar="PATH",
            help="Remember the lines of this file instead; - reads standard input. A line is a JSON object with "
            "`content` and any of tier, category, source, confidence, metadata, tags, expires_at, session and review. "
            "The options set the defaults.",
        ),
    ] = None,
    tier: Annotated[Tier | None, typer.Option(help="How long it matters.  [default: personal]")] = None,
    category: Annotated[Category | None, typer.Option(help="The kind of knowledge.  [default: factual]")] = None,
    source: Annotated[Source | None, typer.Option(help="Where it comes from.  [default: extracted]")] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1, help="How certain it is.  [default: 0.8]")] = None,
    metadata: MetadataOption = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A word to filter by; repeatable.")] = None,
    expires_at: Annotated[
        datetime | None,
        typer.Option(
            parser=_parse_future, metavar="TIME", help="When it expires; without a zone UTC.  [default: by tier]"
        ),
    ] = None,
    review: Annotated[bool, typer.Option("--review", help="Keep it out of use until someone approves it.")] = False,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="The session that it came from; needs --agent and --user.")
    ] = None,
    request_id: o.RequestId = None,
    tenant: o.Tenant,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Remember a text, or every line of a file.

    If the owner has a memory with the same content (apart from case and white space), that memory is confirmed: its
    confidence rises, and no second one is made. Near duplicates are shown, so that you can merge them.

    A file is checked completely first; if a line is wrong, nothing is remembered. Then its lines are sent in requests
    of 100. A request is done completely or not at all. After a failure, the command names a --request-id with which
    the same command continues and does nothing twice.
    """
    if (content is None) == (file is None):
        raise typer.BadParameter("give either a text or --file")
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    given: dict[str, object] = {"tier": tier, "category": category, "source": source, "confidence": confidence}
    given |= {"metadata": metadata, "tags": tags, "expires_at": expires_at, "review": review or None}
    if session is not None:
        if agent is None or user is None:
            raise typer.BadParameter("a session belongs to an agent and a user: give --agent and --user, too")
        given["session"] = {"agent_id": agent, "user_id": user, "session_id": session}
    given = {name: value for name, value in given.items() if value is not None}
    if file is not None:
        remember_lines(call, read_lines(file, given), request_id)
        return
    new = checked(NewMemory, content=text_or_input(content or ""), **given)
    (one,) = call.ask(RememberRequest, request_id=request_id, memories=[new]).remembered
    parts: list[RenderableType] = [_sentence(one, review=review)]
    if one.candidates:
        title = "near duplicates (`eunoe memory request merge --schema` shows how to merge them)"
        rows = ((near.memory, f"cosine {near.cosine:.3f}") for near in one.candidates)
        parts.append(memories_table(rows, title=title))
    call.show({"remembered": [one.model_dump(mode="json")]}, *parts)


def _sentence(one: Remembered, *, review: bool) -> str:
    if one.created:
        waits = ", and waits for review" if one.memory.status == "pending_review" else ""
        return f"remembered as {one.id}{waits}"
    if review and one.memory.status == "active":
        return f"{one.id} has the same content and is active: nothing changed, and nothing waits for review"
    return f"confirmed {one.id}, which has the same content: its confidence is now {one.memory.confidence:.3g}"
