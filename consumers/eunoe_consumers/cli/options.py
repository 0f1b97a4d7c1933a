"""Options that several commands share, and how their values become a scope."""

import asyncio
import contextlib
from collections.abc import Generator
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

import typer

from eunoe_consumers.cli.servers import servers
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings

_SCHEMES = ("redis", "rediss", "unix")
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant's UUID, or its name.")]
AgentOption = Annotated[UUID, typer.Option("--agent", help="The agent's UUID; agents appear with their first message.")]
UserOption = Annotated[str, typer.Option("--user", help="The user's id in the channel, any text.")]


def as_uuid(text: str) -> UUID | None:
    """Return the UUID that `text` spells, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None


@contextlib.contextmanager
def redis_server(settings: Settings) -> Generator[Settings]:
    """Yield settings with a Redis, for commands that need PostgreSQL rarely or never.

    A gateway's machine knows its Redis and no database: that is enough here. Without any URL the embedded servers are
    used, as everywhere.

    Raises:
        ConfigurationError: If only a database is configured, or the URL is none of a Redis.
    """
    if settings.redis_url:
        _check_redis_url(settings.redis_url)
        yield settings
    else:
        with servers(settings) as resolved:
            yield resolved


def _check_redis_url(url: str) -> None:
    """Refuse what is no URL of a Redis, without repeating it: it may hold a password.

    Raises:
        ConfigurationError: If it is none.
    """
    try:
        parts = urlsplit(url)
        wrong = "" if parts.scheme in _SCHEMES else f"its scheme is {parts.scheme!r}"
        _ = parts.port  # parsed only when it is asked for
    except ValueError:
        wrong = "it cannot be parsed; percent-encode what is special in a password"
    if wrong:
        msg = f"EUNOE_REDIS_URL is not a Redis URL ({wrong}): use redis://HOST:PORT/DATABASE"
        raise ConfigurationError(msg)


def find_tenant(settings: Settings, tenant: str) -> UUID:
    """Return the id of a tenant given by its UUID, which is not looked up, or by its name.

    Raises:
        ConfigurationError: If no tenant has that name, or there is no database to look it up in.
    """
    given = as_uuid(tenant)
    if given is not None:
        return given
    if not settings.database_url:
        msg = f"to look up the tenant {tenant!r} by its name, set EUNOE_DATABASE_URL; or give its UUID"
        raise ConfigurationError(msg)
    from eunoe_consumers.administration import open_tenants  # noqa: PLC0415 - asyncpg

    async def find() -> UUID:
        async with open_tenants(settings) as tenants:
            found = await tenants.table.find(tenant)
        if found is None:
            msg = f"there is no tenant {tenant!r}: `eunoe tenant list` shows them, `eunoe tenant add` makes one"
            raise ConfigurationError(msg)
        return found.id

    return asyncio.run(find())
