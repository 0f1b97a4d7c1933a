"""Options that several commands share, and how their values are read."""

import asyncio
import contextlib
import json
import sys
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import typer
from pydantic import JsonValue

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings


def parse_time(text: str) -> datetime:
    """Return a time in ISO 8601. The contract reads a time without a zone as UTC.

    Raises:
        BadParameter: If `text` is not a time.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-05-01T12:00:00+02:00") from error


def parse_object(text: str | bytes) -> dict[str, JsonValue]:
    """Return a JSON object.

    Raises:
        BadParameter: If `text` is not a JSON object.
    """
    try:
        value = cast("object", json.loads(text))
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"this is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise typer.BadParameter('a JSON object is needed, such as {"name": "value"}')
    return cast("dict[str, JsonValue]", value)


def text_or_input(text: str) -> str:
    """Return `text`; for `-`, return standard input without its last line break.

    Raises:
        BadParameter: If standard input is not UTF-8.
    """
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"standard input is not UTF-8: {error}") from error


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant's UUID or name.")]
AgentOption = Annotated[
    UUID, typer.Option("--agent", help="The agent's UUID. The first message of a new agent registers it.")
]
UserOption = Annotated[str, typer.Option("--user", help="The user's id in the channel: any text.")]
MetadataOption = Annotated[
    dict[str, Any] | None,
    typer.Option(parser=parse_object, metavar="JSON", help="A JSON object of at most 16 KiB."),
]


def find_tenant(settings: Settings, tenant: str) -> UUID:
    """Return the id of a tenant. A UUID is returned without a look-up; a name is looked up in the database.

    Raises:
        ConfigurationError: If no tenant has that name, or no database is configured.
    """
    with contextlib.suppress(ValueError):
        return UUID(tenant)
    if not settings.database_url:
        raise ConfigurationError(
            f"the tenant {tenant!r} can only be looked up in the database: "
            "set EUNOE_DATABASE_URL; or give the tenant's UUID"
        )
    from eunoe_consumers.cli.tenant_administration import open_tenants  # noqa: PLC0415 - asyncpg

    async def find() -> UUID:
        async with open_tenants(settings) as tenants:
            found = await tenants.table.find(tenant)
        if found is None:
            raise ConfigurationError(
                f"there is no tenant {tenant!r}: `eunoe tenant list` shows all tenants, `eunoe tenant add` adds one"
            )
        return found.id

    return asyncio.run(find())
