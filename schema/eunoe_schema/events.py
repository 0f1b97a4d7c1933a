"""The message event: what a gateway publishes, once per message that a user or the assistant wrote."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from eunoe_schema.scope import Scope
from eunoe_schema.text import Name, SessionId, Text

SCHEMA_VERSION = 1
METADATA_BYTES = 16 * 1024
METADATA_DEPTH = 32
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
DEFAULT_CONTENT_CHARS = 32_768
# The ends of the calendar: asyncpg writes them as infinities, and some languages where a time was never set.
_NEVER = frozenset({datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)})


def _levels(value: JsonValue) -> Iterator[list[JsonValue]]:
    """Yield the values of each level of nesting, keys among them; without recursion, since `value` may be hostile."""
    level = [value]
    while level:
        yield level
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in ((*node.keys(), *node.values()) if isinstance(node, dict) else node)
        ]


def require_storable(value: JsonValue, *, most_bytes: int) -> None:
    """Refuse JSON that a jsonb column cannot hold, or that is larger or deeper than the contract allows.

    It is measured as it comes back: jsonb writes numbers out, and 1e308, which takes five bytes, in 309 digits.

    Raises:
        ValueError: If it is.
    """
    digits = 0
    for depth, level in enumerate(_levels(value), start=1):
        if depth > METADATA_DEPTH:
            msg = f"nests deeper than {METADATA_DEPTH} levels"
            raise ValueError(msg)
        if any(isinstance(part, str) and _UNSTORABLE.search(part) for part in level):
            msg = "contains a NUL character or a lone surrogate, which jsonb cannot store"
            raise ValueError(msg)
        short = (repr(part) for part in level if isinstance(part, float))
        digits += sum(len(f"{Decimal(number):f}") - len(number) for number in short if "e" in number)
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) + digits
    except ValueError as error:
        msg = f"is not JSON: {error}"
        raise ValueError(msg) from error
    if size > most_bytes:
        msg = f"is {size} bytes of JSON; at most {most_bytes} are allowed"
        raise ValueError(msg)


def _storable_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    require_storable(metadata, most_bytes=METADATA_BYTES)
    return metadata


def _utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; one without a zone is taken for UTC."""
    try:
        utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        msg = "lies outside the years 1 to 9999 in UTC"
        raise ValueError(msg) from error
    if utc in _NEVER:
        msg = "is the first or last moment of the calendar, which no message has: leave it out where it is not known"
        raise ValueError(msg)
    return utc


def _known_version(version: object) -> object:
    """Name the version that is understood: pydantic's own words would only repeat the literal."""
    if version not in (SCHEMA_VERSION, str(SCHEMA_VERSION)):  # a tuple: what comes may be unhashable
        msg = f"this Eunoe understands schema_version {SCHEMA_VERSION}; upgrade the consumers or publish that version"
        raise ValueError(msg)
    return SCHEMA_VERSION


Metadata = Annotated[dict[str, JsonValue], AfterValidator(_storable_metadata)]
Moment = Annotated[datetime, AfterValidator(_utc)]
MessageRole = Literal["user", "assistant"]


class MessageEvent(BaseModel):
    """One message of a conversation, as it was written.

    Attributes:
        event_id: The channel's message id, 1..256 characters; the idempotency key within the scope.
        tenant_id: The tenant, registered by `eunoe tenant add`.
        agent_id: The agent that the message was written to or by.
        user_id: The user's channel-native id.
        role: Who wrote it: `user` or `assistant`.
        content: The text, 1..32,768 characters (the upper bound is a setting of gateway and consumers).
        session_id: The session, where the caller keeps one; else derived from the thread and idle time.
        thread_id: The channel's thread, where there is one.
        channel: The channel it came through (`slack`, `whatsapp`, ...); rate limits count by it.
        speaker: A display name of who wrote it.
        occurred_at: When it was written; without a zone taken for UTC.
        metadata: A JSON object of at most 16 KiB.
        schema_version: The version of this contract.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_id: Name
    tenant_id: UUID
    agent_id: UUID
    user_id: Name
    role: MessageRole
    content: Text
    session_id: SessionId | None = None
    thread_id: Name | None = None
    channel: Name | None = None
    speaker: Name | None = None
    occurred_at: Moment | None = None
    metadata: Metadata = Field(default_factory=dict)
    schema_version: Annotated[Literal[1], BeforeValidator(_known_version)] = SCHEMA_VERSION

    @property
    def scope(self) -> Scope:
        """The scope that the message belongs to."""
        return Scope(tenant_id=self.tenant_id, agent_id=self.agent_id, user_id=self.user_id)
