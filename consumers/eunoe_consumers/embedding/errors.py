"""The error of the embedding model's files."""

from eunoe_schema.errors import EunoeError


class ModelError(EunoeError):
    """The embedding model cannot be found, verified, built or loaded."""
