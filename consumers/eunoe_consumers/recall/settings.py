"""Settings: the process role `recall`."""

from typing import Literal

from pydantic import Field

from eunoe_consumers.embedding.settings import EmbeddingSettings
from eunoe_consumers.postgres.settings import GiantScopeSettings, MemoryLifetimeSettings
from eunoe_consumers.recall.ranking.weights import ASSISTANT, DIALOGUE, Weights
from eunoe_consumers.window.settings import WindowSettings


class RecallSettings(MemoryLifetimeSettings, GiantScopeSettings, WindowSettings, EmbeddingSettings):
    """How turns are ranked, and what a recall returns by default."""

    recall_ranking: Literal["fusion", "cosine", "bm25"] = Field(
        default="fusion", description="How turns are ranked. `cosine` and `bm25` use that score alone."
    )
    recall_candidates: int = Field(
        default=100,
        ge=10,
        le=1_000,
        description="Turns that the search by meaning and the search by words each return.",
    )
    recall_excerpts: bool = Field(
        default=False,
        description="Whether a long turn is returned as its matching excerpt. Used where a request does not say.",
    )
    recall_top_k: int = Field(
        default=10, ge=0, le=100, description="Turns in a context. Used where a request does not say."
    )
    recall_min_cosine: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description="Minimum cosine similarity of a turn. Used where a request does not say.",
    )
    recall_memories: int = Field(
        default=10, ge=0, le=100, description="Memories of each tier in a context. Used where a request does not say."
    )
    recall_dialogue: Weights = Field(
        default=DIALOGUE,
        description="Weights of a score's parts in conversations of short turns. EUNOE_RECALL_DIALOGUE__SPEAKER=0 "
        "switches one part off.",
    )
    recall_assistant: Weights = Field(
        default=ASSISTANT, description="Weights of a score's parts in conversations with long answers of an assistant."
    )
