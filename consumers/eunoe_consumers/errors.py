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


class EventConflict(PermanentError):
    """The event id belongs to an earlier, different message of the scope. Nothing was stored of this one."""

    def __init__(self, event_id: str) -> None:
        super().__init__(
            f"conflict: event_id {event_id!r} names another message of this scope, with another role, content, thread "
            "or channel: publish this message under an event id of its own, such as chat and message id together"
        )


class ConfigurationError(EunoeError):
    """The process cannot start as it is configured. The message says what to change."""
