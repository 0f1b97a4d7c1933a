"""The servers that a command uses: the configured ones, or embedded ones while the command runs."""

import contextlib
from collections.abc import Generator
from urllib.parse import urlsplit

from eunoe_consumers.devservers import default_data_dir, embedded_servers
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings

_REDIS_SCHEMES = ("redis", "rediss", "unix")


@contextlib.contextmanager
def servers(settings: Settings, *, redis: bool = True) -> Generator[Settings]:
    """Yield settings with the URLs of Redis and PostgreSQL.

    Args:
        settings: The settings as configured.
        redis: Whether the command needs Redis.

    Raises:
        ConfigurationError: If only one of the two URLs is configured. A production server must never be paired with
            an embedded one.
        EmbeddedError: If an embedded server does not start.
    """
    configured = {"EUNOE_REDIS_URL": settings.redis_url, "EUNOE_DATABASE_URL": settings.database_url}
    if (not redis and settings.database_url) or all(configured.values()):
        yield settings
    elif any(configured.values()):
        absent = ", ".join(name for name, url in configured.items() if not url)
        raise ConfigurationError(f"{absent} is not set: set both URLs, or neither for the embedded servers")
    else:
        with embedded_servers(settings.data_dir or default_data_dir(), redis=redis) as urls:
            yield settings.model_copy(update={"redis_url": urls.redis_url or None, "database_url": urls.database_url})


@contextlib.contextmanager
def redis_server(settings: Settings) -> Generator[Settings]:
    """Yield settings with the URL of Redis, for commands that rarely or never need PostgreSQL.

    A gateway's machine knows Redis and no database; EUNOE_REDIS_URL alone is enough for these commands. Without any
    URL they use the embedded servers.

    Raises:
        ConfigurationError: If only the database is configured, or EUNOE_REDIS_URL is not a Redis URL.
    """
    if settings.redis_url:
        _check_redis_url(settings.redis_url)
        yield settings
    else:
        with servers(settings) as resolved:
            yield resolved


def _check_redis_url(url: str) -> None:
    """Raise ConfigurationError unless `url` is a Redis URL. The message omits the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        wrong = "" if parts.scheme in _REDIS_SCHEMES else f"its scheme is {parts.scheme!r}"
        _ = parts.port  # urlsplit parses the port only on access
    except ValueError:
        wrong = "it cannot be parsed; percent-encode special characters in a password"
    if wrong:
        raise ConfigurationError(f"EUNOE_REDIS_URL is not a Redis URL ({wrong}): use redis://HOST:PORT/DATABASE")
