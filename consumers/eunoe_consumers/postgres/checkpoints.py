"""Checkpoints of sessions, within a curator's transaction."""

import json
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.checkpoints import (
    Checkpoint,
    CheckpointSummary,
    ListCheckpointsRequest,
    LoadCheckpointRequest,
    SaveCheckpointRequest,
)

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class CheckpointQueries(QueryFile, file="checkpoints"):
    """The statements of checkpoints.sql."""

    insert_checkpoint: str
    load_checkpoint: str
    list_checkpoints: str


class CheckpointTable:
    """The table `session_checkpoints`."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def save(self, new: SaveCheckpointRequest) -> CheckpointSummary:
        """Save a state of a known session."""
        checkpoint_id = uuid4()
        row = await self._connection.fetchrow(
            CheckpointQueries.insert_checkpoint,
            new.tenant_id,
            checkpoint_id,
            new.agent_id,
            new.user_id,
            new.session_id,
            new.name,
            json.dumps(new.state),
        )
        if row is None:
            raise AssertionError  # INSERT without ON CONFLICT returns its row
        return CheckpointSummary(id=checkpoint_id, session_id=new.session_id, name=new.name, **dict(row))

    async def load(self, wanted: LoadCheckpointRequest) -> Checkpoint | None:
        """Return the latest checkpoint of a session, or the one that is named; None where there is none."""
        row = await self._connection.fetchrow(
            CheckpointQueries.load_checkpoint,
            wanted.tenant_id,
            wanted.agent_id,
            wanted.user_id,
            wanted.session_id,
            wanted.checkpoint_id,
            wanted.name,
        )
        if row is None:
            return None
        return Checkpoint(
            id=row["id"],
            session_id=wanted.session_id,
            name=row["name"],
            state_bytes=row["state_bytes"],
            created_at=row["created_at"],
            state=json.loads(row["state"]),
        )

    async def list(
        self, wanted: ListCheckpointsRequest, *, limit: int, after: tuple[datetime, UUID] | None
    ) -> list[CheckpointSummary]:
        """Return the checkpoints of a session without their states, the latest first.

        Args:
            wanted: Of which session, and name.
            limit: How many at most.
            after: The last of the page before.
        """
        rows = await self._connection.fetch(
            CheckpointQueries.list_checkpoints,
            wanted.tenant_id,
            wanted.agent_id,
            wanted.user_id,
            wanted.session_id,
            wanted.name,
            *(after or (None, None)),
            limit,
        )
        return [CheckpointSummary(session_id=wanted.session_id, **dict(row)) for row in rows]
