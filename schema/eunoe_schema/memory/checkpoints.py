"""Checkpoints: the states that an orchestrator saved in a session, so that it can continue later."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, JsonValue

from eunoe_schema.contract import ReplyModel
from eunoe_schema.events import require_storable
from eunoe_schema.memory.base import Page, PageRequest, ReadRequest, Result
from eunoe_schema.memory.sessions import SessionRequest
from eunoe_schema.text import Name

STATE_BYTES = 256 * 1024


def _storable_state(state: dict[str, JsonValue]) -> dict[str, JsonValue]:
    require_storable(state, most_bytes=STATE_BYTES)
    return state


CheckpointState = Annotated[dict[str, JsonValue], AfterValidator(_storable_state)]


class CheckpointSummary(ReplyModel):
    """A checkpoint without its state."""

    id: UUID
    """The id, unique within the tenant."""
    session_id: str
    """The session."""
    name: str | None = None
    """The name."""
    state_bytes: int
    """The size of the state in bytes of JSON."""
    created_at: datetime
    """When the checkpoint was saved."""


class Checkpoint(CheckpointSummary):
    """A checkpoint with its state."""

    state: dict[str, JsonValue]
    """The saved state."""


class CheckpointSavedResult(Result):
    """The result of `save_checkpoint`."""

    kind: Literal["checkpoint_saved"] = "checkpoint_saved"
    checkpoint: CheckpointSummary
    """The new checkpoint."""


class CheckpointResult(Result):
    """The result of `load_checkpoint`."""

    kind: Literal["checkpoint"] = "checkpoint"
    checkpoint: Checkpoint | None = None
    """The checkpoint. It is left out if the session has none."""


class CheckpointPage(Page):
    """The result of `list_checkpoints`."""

    kind: Literal["checkpoints"] = "checkpoints"
    checkpoints: tuple[CheckpointSummary, ...] = ()
    """The checkpoints, latest first."""


class SaveCheckpointRequest(SessionRequest[CheckpointSavedResult]):
    """Save the state of an orchestrator. This opens the session if it does not exist."""

    kind: Literal["save_checkpoint"] = "save_checkpoint"
    name: Name | None = None
    """A name, to tell several states of a session apart."""
    state: CheckpointState
    """A JSON object of at most 256 KiB."""


class LoadCheckpointRequest(SessionRequest[CheckpointResult], ReadRequest[CheckpointResult]):
    """Return a checkpoint of the session: by default the latest."""

    kind: Literal["load_checkpoint"] = "load_checkpoint"
    checkpoint_id: UUID | None = None
    """Return this checkpoint."""
    name: Name | None = None
    """Return the latest checkpoint with this name."""


class ListCheckpointsRequest(SessionRequest[CheckpointPage], PageRequest[CheckpointPage]):
    """Return a page of the session's checkpoints without their states, latest first."""

    kind: Literal["list_checkpoints"] = "list_checkpoints"
    name: Name | None = None
    """Return only checkpoints with this name."""
