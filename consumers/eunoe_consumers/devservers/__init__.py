"""A real Valkey and a real PostgreSQL from wheels, so that a newcomer needs neither Docker nor a database server."""

from eunoe_consumers.devservers.errors import EmbeddedError
from eunoe_consumers.devservers.servers import ServerUrls, default_data_dir, embedded_servers

__all__ = ["EmbeddedError", "ServerUrls", "default_data_dir", "embedded_servers"]
