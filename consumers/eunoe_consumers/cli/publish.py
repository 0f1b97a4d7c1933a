"""`eunoe publish`: one message, as a gateway would publish it."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

import typer

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.options import AgentOption, JsonOption, TenantOption, UserOption, find_tenant, redis_server
from eunoe_consumers.cli.values import json_object, moment, text_or_input
from eunoe_consumers.settings import Settings
from eunoe_schema.receipts import Receipt

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
    role: Annotated[Literal["user", "assistant"], typer.Option(help="Who wrote it.")] = "user",
    event_id: Annotated[
        str | None, typer.Option(help="The channel's message id: the same one again adds nothing. Made where absent.")
    ] = None,
    session: Annotated[
        str | None, typer.Option(help="The session, where you keep one; else derived from thread and idle time.")
    ] = None,
    thread: Annotated[str | None, typer.Option(help="The channel's thread.")] = None,
    channel: Annotated[str | None, typer.Option(help="slack, whatsapp, ...: what rate limits count by.")] = None,
    speaker: Annotated[str | None, typer.Option(help="The display name of who wrote it.")] = None,
    occurred_at: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="When it was written, as in ISO 8601; without a zone UTC."),
    ] = None,
    metadata: Annotated[
        dict[str, Any] | None,
        typer.Option(parser=json_object, metavar="JSON", help="A JSON object of at most 16 KiB."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish one message through the gateway's client, and print its receipt.

    The receipt's entry id goes to `eunoe recall --after`, which then waits until the message is in the window. Needs
    Redis only, unless the tenant is given by its name.
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
    elif receipt.duplicate:
        output.print(
            f"event {receipt.event_id} was published before, as entry {receipt.entry_id}: nothing was added",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    else:
        output.print(
            f"published event {receipt.event_id} as entry {receipt.entry_id}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


async def _publish(settings: Settings, fields: dict[str, object]) -> Receipt:
    from eunoe_producers import Gateway, GatewayOptions  # noqa: PLC0415 - redis

    options = GatewayOptions(max_content_chars=settings.max_content_chars, retry_seconds=settings.start_timeout_seconds)
    async with await Gateway.connect(settings.redis_url or "", options) as gateway:
        return await gateway.publish(fields)
