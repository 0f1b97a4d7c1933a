"""Settings: the process role `curate`."""

from pydantic import Field

from eunoe_consumers.embedding.settings import EmbeddingSettings
from eunoe_consumers.postgres.settings import MemoryLifetimeSettings


class CurateSettings(MemoryLifetimeSettings, EmbeddingSettings):
    """When a session counts as closed."""

    session_idle_seconds: float = Field(
        default=1_800.0,
        ge=1,
        le=31_536_000,
        description="Silence after which a session counts as closed. Must equal the gateways' value.",
    )
