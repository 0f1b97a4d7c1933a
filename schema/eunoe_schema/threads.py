"""What is kept for a thread between its messages, as JSON in Redis; `keys.py` says where."""

import json
from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator
from pydantic_core import from_json

from eunoe_schema.events import Moment
from eunoe_schema.text import Name, Text

OBJECT_BYTES = 256 * 1024
REASON_CHARS = 4_096


def _storable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse an object that would not come back from JSON as it went in, or that is too large to be kept."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        # A record puts it two levels deeper; what would nest too deep for the parser is refused now, not when read.
        from_json(b"[[" + text + b"]]")
    except (ValueError, RecursionError) as error:  # NaN, lone surrogates, deep nesting
        msg = f"cannot be kept as JSON: {error}"
        raise ValueError(msg) from error
    if len(text) > OBJECT_BYTES:
        msg = f"is {len(text)} bytes of JSON; at most {OBJECT_BYTES} are allowed"
        raise ValueError(msg)
    return value


JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_storable)]


class Thread(BaseModel):
    """A channel's thread of a tenant.

    Attributes:
        tenant_id: The tenant.
        thread_id: The channel's thread id, 1..256 characters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: UUID
    thread_id: Name


class SessionState(NamedTuple):
    """An orchestrator's state of a thread, and which one it is.

    Attributes:
        state: The JSON object; empty where none was saved.
        version: Grows with every save, and is not used again after a deletion; 0 where none was saved.
    """

    state: dict[str, JsonValue]
    version: int


class SessionRecord(BaseModel):
    """The JSON of a saved session state. The order of its fields is part of the contract: a script reads the first two.

    Attributes:
        version: Microseconds since the epoch by the clock of Redis, or one more than the version before.
        write: Names the write, so that one repeated after an outage is known for the same.
        state: The orchestrator's JSON object.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    write: str
    state: dict[str, JsonValue]


class Escalation(BaseModel):
    """A thread handed to somebody else; it stands while `resolved_at` is absent.

    Attributes:
        id: Names this escalation.
        kind: Whether a human or another agent takes over.
        target: The person or queue, 1..256 characters; the agent's id for an agent.
        reason: Why, 1..4,096 characters.
        since: When it was handed over.
        resolved_at: When it was resolved.
        resolution: Names the resolution.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Name
    kind: Literal["human", "agent"]
    target: Name
    reason: Annotated[Text, Field(min_length=1, max_length=REASON_CHARS)]
    since: Moment
    resolved_at: Moment | None = None
    resolution: str | None = None

    @field_validator("target")
    @classmethod
    def _names_an_agent(cls, target: str, info: ValidationInfo) -> str:
        if info.data.get("kind") == "agent":
            try:
                UUID(target)
            except ValueError as error:
                msg = "an agent is named by its UUID"
                raise ValueError(msg) from error
        return target


class ToolCall(BaseModel):
    """A tool call that the user is asked about.

    Attributes:
        id: The model's id of the call, 1..256 characters; each call needs its own.
        name: The tool.
        arguments: A JSON object of at most 256 KiB.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Name
    name: Name
    arguments: JsonObject = Field(default_factory=dict)


class ToolConfirmation(BaseModel):
    """A tool call and the user's answer to it; pending while `answer` is absent.

    Attributes:
        call: The tool call.
        requested_at: When the user was asked.
        expires_at: About when the question lapses; Redis decides by its own clock.
        answer: What the user said.
        answered_at: When.
        reply: Names the answer, so that one repeated after an outage is known for the same.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    call: ToolCall
    requested_at: Moment
    expires_at: Moment
    answer: Literal["confirmed", "refused"] | None = None
    answered_at: Moment | None = None
    reply: str | None = None
