"""The error of the embedded servers."""

from eunoe_schema.errors import EunoeError


class EmbeddedError(EunoeError):
    """An embedded server could not be started or reached."""
