"""Checkpoints: states of an orchestrator, saved in a session."""

import json
from uuid import UUID, uuid4

from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.pages import after, page_of
from eunoe_consumers.memories.refusals import missing
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema.memory.checkpoints import (
    Checkpoint,
    CheckpointPage,
    CheckpointResult,
    CheckpointSavedResult,
    CheckpointSummary,
    ListCheckpointsRequest,
    LoadCheckpointRequest,
    SaveCheckpointRequest,
)


class CheckpointQueries(QueryFile, file="checkpoints"):
    """Statements on the table `session_checkpoints`."""

    insert_checkpoint: Statement
    load_checkpoint: Statement
    list_checkpoints: Statement


@handles(SaveCheckpointRequest)
async def save_checkpoint(request: SaveCheckpointRequest, call: Call) -> CheckpointSavedResult:
    """Save the state of a session."""
    await table.ensure_exists(call.db, call.scope, request.ref)
    row = await call.db.fetchrow(
        CheckpointQueries.insert_checkpoint,
        id=uuid4(),
        session_id=request.session_id,
        name=request.name,
        state=json.dumps(request.state),
    )
    if row is None:
        raise AssertionError  # INSERT without ON CONFLICT returns its row
    return CheckpointSavedResult(checkpoint=CheckpointSummary(session_id=request.session_id, **dict(row)))


@handles(LoadCheckpointRequest)
async def load_checkpoint(request: LoadCheckpointRequest, call: Call) -> CheckpointResult:
    """Return the latest checkpoint of a session, which may be none; a checkpoint named by its id must exist."""
    row = await call.db.fetchrow(
        CheckpointQueries.load_checkpoint,
        session_id=request.session_id,
        id=request.checkpoint_id,
        name=request.name,
    )
    if row is None and request.checkpoint_id is not None:
        raise missing(f"checkpoint {request.checkpoint_id} of session {request.session_id!r}")
    if row is None:
        return CheckpointResult()
    fields = {**dict(row), "session_id": request.session_id, "state": json.loads(row["state"])}
    return CheckpointResult(checkpoint=Checkpoint.model_validate(fields))


@handles(ListCheckpointsRequest)
async def list_checkpoints(request: ListCheckpointsRequest, call: Call) -> CheckpointPage:
    """Return a page of the checkpoints of a session."""
    rows = await call.db.fetch(
        CheckpointQueries.list_checkpoints,
        session_id=request.session_id,
        name=request.name,
        **after(request.cursor, UUID),
        limit=request.limit + 1,
    )
    found = [CheckpointSummary(session_id=request.session_id, **dict(row)) for row in rows]
    shown, cursor = page_of(found, request.limit, lambda checkpoint: (checkpoint.created_at, checkpoint.id))
    return CheckpointPage(checkpoints=shown, cursor=cursor)
