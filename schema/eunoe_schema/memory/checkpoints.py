"""Checkpoints: what an orchestrator must find again to go on with a session."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.events import require_storable
from eunoe_schema.memory.base import ReadRequest, Result
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE, Cursor
from eunoe_schema.memory.sessions import SessionRequest
from eunoe_schema.text import Name

STATE_BYTES = 256 * 1024


def _storable_state(state: dict[str, JsonValue]) -> dict[str, JsonValue]:
    require_storable(state, most_bytes=STATE_BYTES)
    return state


CheckpointState = Annotated[dict[str, JsonValue], AfterValidator(_storable_state)]


class CheckpointSummary(ReplyModel):
    """A checkpoint without its state.

    Attributes:
        id: Its id within the tenant.
        session_id: The session.
        name: Its name, where it has one.
        state_bytes: How large its state is.
        created_at: When it was saved.
    """

    id: UUID
    session_id: str
    name: str | None = None
    state_bytes: int
    created_at: datetime


class Checkpoint(CheckpointSummary):
    """A checkpoint.

    Attributes:
        id: Its id within the tenant.
        session_id: The session.
        name: Its name, where it has one.
        state_bytes: How large its state is.
        created_at: When it was saved.
        state: What was saved.
    """

    state: dict[str, JsonValue]


class CheckpointSavedResult(Result):
    """The answer to `save_checkpoint`.

    Attributes:
        checkpoint: What was saved, without its state.
    """

    kind: Literal["checkpoint_saved"] = "checkpoint_saved"
    checkpoint: CheckpointSummary


class CheckpointResult(Result):
    """The answer to `load_checkpoint`.

    Attributes:
        checkpoint: The checkpoint; None where the session has none.
    """

    kind: Literal["checkpoint"] = "checkpoint"
    checkpoint: Checkpoint | None = None


class CheckpointPage(Result):
    """The answer to `list_checkpoints`.

    Attributes:
        checkpoints: The latest first.
        cursor: Where the next page begins; None at the end.
    """

    kind: Literal["checkpoints"] = "checkpoints"
    checkpoints: tuple[CheckpointSummary, ...] = ()
    cursor: str | None = None


class SaveCheckpointRequest(SessionRequest[CheckpointSavedResult]):
    """Save an orchestrator's state; the session opens with it where it is not there yet.

    Attributes:
        name: A name, where there are several things to save.
        state: A JSON object of at most 256 KiB.
    """

    kind: Literal["save_checkpoint"] = "save_checkpoint"
    name: Name | None = None
    state: CheckpointState


class LoadCheckpointRequest(SessionRequest[CheckpointResult], ReadRequest[CheckpointResult]):
    """Return the session's latest checkpoint, or a certain one.

    Attributes:
        checkpoint_id: This one.
        name: The latest of this name.
    """

    kind: Literal["load_checkpoint"] = "load_checkpoint"
    checkpoint_id: UUID | None = None
    name: Name | None = None


class ListCheckpointsRequest(SessionRequest[CheckpointPage], ReadRequest[CheckpointPage]):
    """Return the session's checkpoints without their states, the latest first, page by page.

    Attributes:
        name: Of this name only.
        limit: How many at most, 1..200.
        cursor: Where to go on, from the page before.
    """

    kind: Literal["list_checkpoints"] = "list_checkpoints"
    name: Name | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: Cursor | None = None
