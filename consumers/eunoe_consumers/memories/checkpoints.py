"""Handle `save_checkpoint`, `load_checkpoint` and `list_checkpoints`."""

from uuid import UUID

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.cursor import from_cursor, to_cursor
from eunoe_consumers.memories.refusal import nothing_there
from eunoe_schema.memory.checkpoints import (
    CheckpointPage,
    CheckpointResult,
    CheckpointSavedResult,
    ListCheckpointsRequest,
    LoadCheckpointRequest,
    SaveCheckpointRequest,
)


async def save_checkpoint(request: SaveCheckpointRequest, call: Call) -> CheckpointSavedResult:
    """Save a session's state."""
    await call.unit.introduce(call.scope, request.ref)
    return CheckpointSavedResult(checkpoint=await call.unit.checkpoints.save(request))


async def load_checkpoint(request: LoadCheckpointRequest, call: Call) -> CheckpointResult:
    """Return a session's latest checkpoint, which may be none; one that is named must be there."""
    checkpoint = await call.unit.checkpoints.load(request)
    if checkpoint is None and request.checkpoint_id is not None:
        raise nothing_there(f"checkpoint {request.checkpoint_id} of session {request.session_id!r}")
    return CheckpointResult(checkpoint=checkpoint)


async def list_checkpoints(request: ListCheckpointsRequest, call: Call) -> CheckpointPage:
    """Return a page of a session's checkpoints."""
    after = from_cursor(request.cursor, UUID)
    # One more than is asked for: it says whether there is another page.
    found = await call.unit.checkpoints.list(request, limit=request.limit + 1, after=after)
    shown = found[: request.limit]
    cursor = to_cursor(shown[-1].created_at, shown[-1].id) if len(found) > request.limit else None
    return CheckpointPage(checkpoints=tuple(shown), cursor=cursor)
