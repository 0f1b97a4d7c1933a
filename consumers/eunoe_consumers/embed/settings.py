"""Settings: the process role `embed`."""

from pydantic import Field

from eunoe_consumers.delivery.settings import MessageSettings
from eunoe_consumers.embedding.settings import EmbeddingSettings


class EmbedSettings(MessageSettings, EmbeddingSettings):
    """How much text is embedded and stored at once."""

    embed_batch_tokens: int = Field(
        default=8_192, ge=256, le=1_000_000, description="Tokens that are embedded and stored in one transaction."
    )
    embed_max_pieces: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Pieces of a long message that are embedded, about 200 tokens each. The rest is stored without an "
        "embedding.",
    )
