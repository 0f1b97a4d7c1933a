"""Event ids made of a channel's own ids, and the fingerprint that tells two messages with one event id apart."""

import hashlib
import json
from typing import Protocol

from eunoe_schema.errors import InvalidEvent
from eunoe_schema.text import NAME_CHARS


def make_event_id(*parts: str | int) -> str:
    """Return an event id made of a channel's ids, such as chat and message. Different parts give different ids.

    Many channels number messages per chat, so a message id alone may name two messages of one user:
    `make_event_id(chat_id, message_id)`.

    Args:
        *parts: The ids, from the widest to the narrowest. A colon or percent sign in them is percent-encoded. An
            event id has at most 256 characters; a longer one becomes a hash.

    Raises:
        InvalidEvent: If no part is given, or a part is empty or of another type. A missing id is often None.
    """
    for number, part in enumerate(parts, start=1):
        # The annotation does not keep None of untyped JSON away, and "None" would be the same id for every message.
        if isinstance(part, bool) or not isinstance(part, str | int) or part == "":  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidEvent(f"event_id: part {number} of {len(parts)} is {part!r}: give a text or a number")
    if not parts:
        raise InvalidEvent("event_id: give the ids that it is made of, such as chat and message")
    made = ":".join(str(part).replace("%", "%25").replace(":", "%3A") for part in parts)
    return made if len(made) <= NAME_CHARS else f"sha256:{hashlib.sha256(made.encode()).hexdigest()}"


class Message(Protocol):
    """The members that say which message an event is."""

    @property
    def role(self) -> str:
        """Who wrote it."""
        ...

    @property
    def content(self) -> str:
        """The text."""
        ...

    @property
    def thread_id(self) -> str | None:
        """The thread."""
        ...

    @property
    def channel(self) -> str | None:
        """The channel."""
        ...


def fingerprint_of(message: Message) -> str:
    """Return 24 hexadecimal digits that are the same for the same message.

    A repeated publication may differ in session, speaker, time and metadata: channels add counters, and people change
    their names. Text, role, thread and channel of a message never change.
    """
    parts = json.dumps([message.role, message.content, message.thread_id, message.channel]).encode()
    return hashlib.blake2b(parts, digest_size=12).hexdigest()
