"""Load the embedding model that the settings name."""

from functools import partial
from pathlib import Path

import platformdirs

from eunoe_consumers.embedding.embedder import Embedder, FastembedEmbedder
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.embedding.prepare import prepare_model
from eunoe_consumers.embedding.settings import EmbeddingSettings
from eunoe_consumers.embedding.weights import ModelError
from eunoe_consumers.errors import ConfigurationError


def load_embedder(settings: EmbeddingSettings) -> Embedder:
    """Return the configured embedder; slow, so call it in a thread.

    Raises:
        ModelError: If the model cannot be found or loaded.
        ModelNotReady: If the disk is full, or the network is away.
        ConfigurationError: If its width differs from EUNOE_EMBEDDING_DIMENSIONS, or a test double is configured in
            production.
    """
    if settings.embedder == "hash":
        if settings.purpose == "production":
            raise ConfigurationError(
                "EUNOE_EMBEDDER=hash embeds without meaning, for tests and benchmarks only: unset it, or set "
                "EUNOE_PURPOSE=test where no real memory is at stake"
            )
        return HashEmbedder(settings.embedding_dimensions)
    cache_dir = model_cache_dir(settings)
    wanted = partial(
        prepare_model, model_name=settings.embedding_model, model_path=settings.model_path, cache_dir=cache_dir
    )
    load = partial(FastembedEmbedder, cache_dir=cache_dir, slice_texts=settings.embed_slice_texts)
    prepared = wanted()
    try:
        embedder = load(prepared)
    except ModelError:
        if prepared.source != "wheel":
            raise
        # The files are ours, so they can be made again; once, because it may not be their fault.
        embedder = load(wanted(build_again=True))
    if embedder.dimensions != settings.embedding_dimensions:
        raise ConfigurationError(
            f"the model {embedder.name} has {embedder.dimensions} dimensions, EUNOE_EMBEDDING_DIMENSIONS is "
            f"{settings.embedding_dimensions}: set it to the model's width before `eunoe migrate up`"
        )
    return embedder


def model_cache_dir(settings: EmbeddingSettings) -> Path:
    """Return the folder of prepared models."""
    return settings.model_cache_dir or platformdirs.user_cache_path("eunoe") / "models"
