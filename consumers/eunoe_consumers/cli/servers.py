"""The servers that a command works with: those configured, or embedded ones for as long as it runs."""

import contextlib
from collections.abc import Generator

from eunoe_consumers.devservers import default_data_dir, embedded_servers
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings


@contextlib.contextmanager
def servers(settings: Settings, *, redis: bool = True) -> Generator[Settings]:
    """Yield settings with both URLs.

    Args:
        settings: As configured.
        redis: Whether the command needs Redis at all.

    Raises:
        ConfigurationError: If only one of two servers is configured: a production server is never paired with an
            embedded one.
        EmbeddedError: If an embedded server does not come up.
    """
    configured = {"EUNOE_REDIS_URL": settings.redis_url, "EUNOE_DATABASE_URL": settings.database_url}
    if (not redis and settings.database_url) or all(configured.values()):
        yield settings
    elif any(configured.values()):
        absent = ", ".join(name for name, url in configured.items() if not url)
        msg = f"{absent} is not set: set both URLs, or neither for the embedded servers"
        raise ConfigurationError(msg)
    else:
        with embedded_servers(settings.data_dir or default_data_dir(), redis=redis) as urls:
            yield settings.model_copy(update={"redis_url": urls.redis_url or None, "database_url": urls.database_url})
