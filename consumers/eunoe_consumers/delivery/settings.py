"""Settings: how entries are read, claimed and finished, for every consumer group alike."""

from pydantic import BaseModel, ConfigDict, Field

from eunoe_schema.contract import MAX_QUERY_CHARS
from eunoe_schema.events import DEFAULT_CONTENT_CHARS


class MessageSettings(BaseModel):
    """What the groups of the stream of messages accept."""

    model_config = ConfigDict(frozen=True)

    max_content_chars: int = Field(
        default=DEFAULT_CONTENT_CHARS,
        ge=1,
        le=MAX_QUERY_CHARS,
        description="Maximum length of a message, in characters.",
    )


class DeliverySettings(BaseModel):
    """The pace of delivery."""

    model_config = ConfigDict(frozen=True)

    batch_entries: int = Field(default=512, ge=1, le=10_000, description="Entries per read of a stream.")
    claim_after_seconds: float = Field(
        default=15.0,
        ge=0.5,
        le=3_600,
        description="A pending entry is claimed by another consumer after so long without a heartbeat.",
    )
    consumer_idle_seconds: float = Field(
        default=300.0,
        ge=10,
        le=86_400,
        description="A consumer without pending entries is deleted after so long without activity.",
    )
    shutdown_seconds: float = Field(
        default=20.0, ge=0, le=600, description="Time that a stopping process has to finish the entries in hand."
    )
