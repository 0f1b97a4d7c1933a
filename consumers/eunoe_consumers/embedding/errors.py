"""The error of this room."""

from eunoe_schema.errors import EunoeError


class ModelError(EunoeError):
    """The embedding model cannot be found, verified, built or loaded."""
