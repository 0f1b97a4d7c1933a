"""The two questions that decide over an entry: can it succeed later, or never?"""

from eunoe_schema.errors import EunoeError


class TransientError(EunoeError):
    """The same entry may succeed later: it stays pending and is tried again."""


class PermanentError(EunoeError):
    """The same entry can never succeed: it goes to the dead letters."""


class ConfigurationError(EunoeError):
    """The process cannot start as it is configured; the message says what to change."""
