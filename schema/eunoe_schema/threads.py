"""The records of a thread: JSON in Redis, under the keys of `keys.py`."""

import json
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo, field_validator
from pydantic_core import from_json

from eunoe_schema.contract import ContractModel
from eunoe_schema.events import Moment
from eunoe_schema.text import Name, Text

OBJECT_BYTES = 256 * 1024
REASON_CHARS = 4_096


def _storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse an object that is too large, or that JSON would not return unchanged."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        # A record nests the object two levels deeper. Without these brackets, an object at the parser's limit could be
        # saved but not read again.
        from_json(b"[[" + text + b"]]")
    except (ValueError, RecursionError) as error:  # NaN, lone surrogates, deep nesting
        raise ValueError(f"cannot be kept as JSON: {error}") from error
    if len(text) > OBJECT_BYTES:
        raise ValueError(f"is {len(text)} bytes of JSON; at most {OBJECT_BYTES} are allowed")
    return value


JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_storable)]


class Thread(ContractModel):
    """A thread of a tenant."""

    tenant_id: UUID
    """The tenant."""
    thread_id: Name
    """The id of the thread in the channel, 1..256 characters."""


class SessionState(NamedTuple):
    """The state that an orchestrator saved for a thread, and its version.

    Attributes:
        state: The JSON object. Empty if none was saved.
        version: Increases with each save, and is never used again, even after a deletion. 0 if none was saved.
    """

    state: dict[str, JsonValue]
    version: int


class SessionRecord(ContractModel, extra="ignore"):
    """A saved session state. `save_session.lua` reads the first two fields, so their order must not change."""

    version: int
    """Microseconds since the epoch by the clock of Redis, or the previous version + 1 if that is larger."""
    write: str
    """The id of the write. A write that is repeated after an outage finds its own id and succeeds."""
    state: dict[str, JsonValue]
    """The JSON object of the orchestrator."""


class Escalation(ContractModel, extra="ignore"):
    """The hand-over of a thread to a human or another agent. It is open until `resolved_at` is set."""

    id: Name
    """The id of the escalation."""
    kind: Literal["human", "agent"]
    """Whether a human or another agent takes over."""
    target: Name
    """The person, the queue, or the id of the agent; 1..256 characters."""
    reason: Annotated[Text, Field(min_length=1, max_length=REASON_CHARS)]
    """The reason, 1..4,096 characters."""
    since: Moment
    """When the thread was handed over."""
    resolved_at: Moment | None = None
    """When the escalation was resolved."""
    resolution: str | None = None
    """The id of the resolution."""

    @field_validator("target")
    @classmethod
    def _require_agent_id(cls, target: str, info: ValidationInfo) -> str:
        if info.data.get("kind") == "agent":
            try:
                UUID(target)
            except ValueError as error:
                raise ValueError("an agent is named by its UUID") from error
        return target


class ToolCall(ContractModel, extra="ignore"):
    """A tool call that needs the user's confirmation."""

    id: Name
    """The id that the model gave the call, 1..256 characters. Each call needs its own."""
    name: Name
    """The name of the tool."""
    arguments: JsonObject = Field(default_factory=dict)
    """A JSON object of at most 256 KiB."""


class ToolConfirmation(ContractModel, extra="ignore"):
    """The question whether a tool may be called, and the user's answer. It is pending until `answer` is set."""

    call: ToolCall
    """The tool call."""
    requested_at: Moment
    """When the question was asked."""
    expires_at: Moment
    """When the question expires, approximately: Redis decides by its own clock."""
    answer: Literal["confirmed", "refused"] | None = None
    """The user's answer."""
    answered_at: Moment | None = None
    """When the user answered."""
    reply: str | None = None
    """The id of the answer. An answer that is repeated after an outage finds its own id and succeeds."""
