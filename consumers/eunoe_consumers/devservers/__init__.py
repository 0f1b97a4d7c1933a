"""Development servers: a real Valkey and a real PostgreSQL from wheels, without Docker or an installation."""

from eunoe_consumers.devservers.embedded import EmbeddedError, ServerUrls, default_data_dir, embedded_servers

__all__ = ["EmbeddedError", "ServerUrls", "default_data_dir", "embedded_servers"]
