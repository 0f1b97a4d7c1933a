"""The message event, which a gateway publishes for each message, and the receipt that it gets."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from eunoe_schema.contract import ContractModel, ReplyModel
from eunoe_schema.scope import Scope
from eunoe_schema.text import EntryId, Name, NotBlank, SessionId, Text

SCHEMA_VERSION = 1
METADATA_BYTES = 16 * 1024
METADATA_DEPTH = 32
DEFAULT_CONTENT_CHARS = 32_768
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# asyncpg stores these two as infinities. Some languages send them for a time that was never set.
_NOT_A_TIME = frozenset({datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)})


def require_storable(value: JsonValue, *, most_bytes: int) -> None:
    """Check that PostgreSQL can store `value` as jsonb, and that it is neither too large nor too deep.

    The size is that of the JSON which PostgreSQL returns. It writes numbers in full: 1e308 takes 309 bytes there.

    Raises:
        ValueError: If the value fails a check.
    """
    extra_digits = 0
    for depth, level in enumerate(_levels(value), start=1):
        if depth > METADATA_DEPTH:
            raise ValueError(f"nests deeper than {METADATA_DEPTH} levels")
        if any(isinstance(part, str) and _UNSTORABLE.search(part) for part in level):
            raise ValueError("contains a NUL character or a lone surrogate, which jsonb cannot store")
        numbers = (repr(part) for part in level if isinstance(part, float))
        extra_digits += sum(len(f"{Decimal(number):f}") - len(number) for number in numbers if "e" in number)
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) + extra_digits
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error
    if size > most_bytes:
        raise ValueError(f"is {size} bytes of JSON; at most {most_bytes} are allowed")


def _levels(value: JsonValue) -> Iterator[list[JsonValue]]:
    """Yield the values of each nesting level, keys included.

    A hostile value may nest deeper than Python's recursion limit, so this does not recurse.
    """
    level = [value]
    while level:
        yield level
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in ((*node.keys(), *node.values()) if isinstance(node, dict) else node)
        ]


def _storable_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    require_storable(metadata, most_bytes=METADATA_BYTES)
    return metadata


def _utc(moment: datetime) -> datetime:
    """Return `moment` in UTC. A time without a zone is taken as UTC."""
    try:
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error
    if utc in _NOT_A_TIME:
        raise ValueError("is the first or last moment of the calendar: leave it out if the time is unknown")
    return utc


def _known_version(version: object) -> object:
    """Replace pydantic's message for an unknown version by one that says what to do."""
    if version not in (SCHEMA_VERSION, str(SCHEMA_VERSION)):  # a tuple, because the value may be unhashable
        raise ValueError(
            f"this Eunoe understands schema_version {SCHEMA_VERSION}; upgrade the consumers or publish that version"
        )
    return SCHEMA_VERSION


Metadata = Annotated[dict[str, JsonValue], AfterValidator(_storable_metadata)]
Moment = Annotated[datetime, AfterValidator(_utc)]
MessageRole = Literal["user", "assistant"]


class MessageEvent(ContractModel):
    """One message of a conversation."""

    event_id: Name
    """The id of the message in the channel. It is the idempotency key: one event id is stored once in a scope. If the
    channel numbers messages per chat, put the chat's id in front."""
    tenant_id: UUID
    """The tenant. Register it with `eunoe tenant add`."""
    agent_id: UUID
    """The agent that wrote or received the message."""
    user_id: Name
    """The id of the user in the channel."""
    role: MessageRole
    """Who wrote the message."""
    content: Annotated[Text, NotBlank]
    """The text, with at least one visible character. Describe an attachment that has no text. Gateway and consumers
    have a setting for the longest content; the default is 32,768 characters."""
    session_id: SessionId | None = None
    """The session. The gateway derives one from thread and idle time if it is absent."""
    thread_id: Name | None = None
    """The thread in the channel."""
    channel: Name | None = None
    """The channel, such as `slack` or `whatsapp`. Rate limits apply to each channel."""
    speaker: Name | None = None
    """The display name of the person who wrote the message."""
    occurred_at: Moment | None = None
    """When the message was written. A time without a zone is taken as UTC."""
    metadata: Metadata = Field(default_factory=dict)
    """A JSON object of at most 16 KiB."""
    schema_version: Annotated[Literal[1], BeforeValidator(_known_version)] = SCHEMA_VERSION
    """The version of this contract."""

    @property
    def scope(self) -> Scope:
        """The scope of the message."""
        return Scope(tenant_id=self.tenant_id, agent_id=self.agent_id, user_id=self.user_id)


class Receipt(ReplyModel):
    """Proof that an event is on the stream. Pass it to a recall as `after` to read your own write."""

    entry_id: EntryId
    """The entry id of the event. For a duplicate or a conflict, the entry id of the first publication."""
    event_id: Name
    """The id of the event."""
    duplicate: bool
    """Whether the event was published before, so that nothing was added. Also true when the gateway repeated a
    publication because an outage hid its outcome."""
    conflict: bool = False
    """Whether another message was published under this event id, with another role, content, thread or channel. Nothing
    was added. Publish the message under an event id of its own."""
