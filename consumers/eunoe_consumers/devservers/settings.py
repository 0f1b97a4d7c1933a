"""Settings: the servers that a process uses."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ServerSettings(BaseModel):
    """Where Redis and PostgreSQL are. Without URLs, commands start development servers in the data folder."""

    model_config = ConfigDict(frozen=True)

    redis_url: str | None = Field(
        default=None, description="URL of Redis or Valkey. Default: an embedded Valkey in the data folder."
    )
    database_url: str | None = Field(
        default=None,
        description="URL of PostgreSQL with pgvector. Default: an embedded PostgreSQL in the data folder.",
    )
    data_dir: Path | None = Field(
        default=None,
        description="Folder of the embedded servers. Default: the user's data folder (as root: /var/lib/eunoe).",
    )
