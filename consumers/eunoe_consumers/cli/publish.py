"""`eunoe publish`: publish one message, as a gateway does."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal
from uuid import uuid4

import typer

from eunoe_consumers.cli.console import errors, print_json, print_plain
from eunoe_consumers.cli.options import (
    AgentOption,
    JsonOption,
    MetadataOption,
    TenantOption,
    UserOption,
    find_tenant,
    parse_time,
    text_or_input,
)
from eunoe_consumers.cli.servers import redis_server
from eunoe_consumers.settings import Settings
from eunoe_schema.events import Receipt

EXAMPLES = (
    "Example: eunoe publish --tenant acme --agent 22222222-2222-4222-8222-222222222222 --user ada "
    '--content "My cat is called Minka."'
)


def publish(
    *,
    tenant: TenantOption,
    agent: AgentOption,
    user: UserOption,
    content: Annotated[str, typer.Option(help="The text; - reads it from standard input.")],
    role: Annotated[Literal["user", "assistant"], typer.Option(help="Who said it.")] = "user",
    event_id: Annotated[
        str | None,
        typer.Option(help="The channel's message id. An id that was published before adds nothing.  [default: random]"),
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="The session.  [default: derived from thread and idle time]")
    ] = None,
    thread: Annotated[str | None, typer.Option(help="The channel's thread.")] = None,
    channel: Annotated[str | None, typer.Option(help="slack, whatsapp, ...; rate limits count per channel.")] = None,
    speaker: Annotated[str | None, typer.Option(help="The display name of the person who said it.")] = None,
    occurred_at: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="When it was said, in ISO 8601; without a zone UTC."),
    ] = None,
    metadata: MetadataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish one message through the gateway's client, and print its receipt.

    `eunoe recall --after` takes the entry id of the receipt, and waits until the message is in the window. The command
    needs Redis; it needs PostgreSQL only to look up a tenant by name.
    """
    fields: dict[str, object] = {
        "event_id": event_id or uuid4().hex,
        "agent_id": agent,
        "user_id": user,
        "role": role,
        "content": text_or_input(content),
        "session_id": session,
        "thread_id": thread,
        "channel": channel,
        "speaker": speaker,
        "occurred_at": occurred_at,
        "metadata": metadata or {},
    }
    with redis_server(Settings()) as resolved:
        receipt = asyncio.run(_publish(resolved, fields | {"tenant_id": find_tenant(resolved, tenant)}))
    if as_json:
        print_json(receipt.model_dump())
    elif receipt.conflict:
        print_plain(
            f"event id {receipt.event_id} names another message, published as entry {receipt.entry_id}: nothing was "
            "added; publish this message under an id of its own",
            console=errors,
        )
    elif receipt.duplicate:
        print_plain(f"event {receipt.event_id} was published before, as entry {receipt.entry_id}: nothing was added")
    else:
        print_plain(f"published event {receipt.event_id} as entry {receipt.entry_id}")
    if receipt.conflict:
        raise typer.Exit(1)


async def _publish(settings: Settings, fields: dict[str, object]) -> Receipt:
    from eunoe_producers import Gateway, GatewayOptions  # noqa: PLC0415 - redis

    options = GatewayOptions(max_content_chars=settings.max_content_chars, retry_seconds=settings.start_timeout_seconds)
    async with await Gateway.connect(settings.redis_url or "", options) as gateway:
        return await gateway.publish(fields)
