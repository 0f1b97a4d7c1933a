"""Settings: the embedding model."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EmbeddingSettings(BaseModel):
    """Which model embeds, and how many texts it takes at once."""

    model_config = ConfigDict(frozen=True)

    purpose: Literal["production", "test", "benchmark"] = Field(
        default="production", description="Purpose of the process. Test doubles are refused in production."
    )
    embedder: Literal["fastembed", "hash"] = Field(
        default="fastembed",
        description="The embedder. `hash` is a test double without any meaning; production refuses it.",
    )
    embedding_model: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2", description="Name of a model that fastembed supports."
    )
    embedding_dimensions: int = Field(
        default=384, ge=1, le=4000, description="Width of the embeddings. Fixed by `eunoe migrate up`."
    )
    model_path: Path | None = Field(
        default=None, description="Folder with model.onnx, tokenizer.json and tokenizer_config.json."
    )
    model_cache_dir: Path | None = Field(
        default=None, description="Folder of prepared models. Default: the user's cache folder."
    )
    embed_slice_texts: int = Field(default=8, ge=1, le=256, description="Texts per run of the model.")
