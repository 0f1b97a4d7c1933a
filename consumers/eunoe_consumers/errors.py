"""The two kinds of errors that decide about an entry: it can succeed later, or never.

This module stays at the root because every room raises these errors.
"""

from eunoe_schema.errors import EunoeError

# The exit code of a process that can never start as it is configured. Another start would end the same way.
MISCONFIGURED = 2


class TransientError(EunoeError):
    """The same entry can succeed later. It stays pending and is tried again."""


class PermanentError(EunoeError):
    """The same entry can never succeed. It is dead-lettered."""


class ConfigurationError(EunoeError):
    """The process cannot start as it is configured. The message says what to change."""
