"""Sessions, within a curator's transaction; what their turns tell is asked of the turns."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_consumers.postgres.turns import TurnQueries
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.sessions import CloseReason, OpenSessionRequest, Session

if TYPE_CHECKING:
    import asyncpg

    from eunoe_consumers.postgres.database import Connection


class SessionQueries(QueryFile, file="sessions"):
    """The statements of sessions.sql."""

    lock_session: str
    reopen_session: str
    close_session: str
    read_sessions: str


class SessionTable:
    """The table `sessions`, for an agent with a user."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def lock(self, scope: MemoryScope, session_id: str) -> bool:
        """Lock a session; tell whether it is there."""
        return await self._execute_for(SessionQueries.lock_session, scope, session_id) is not None

    async def open(self, opening: OpenSessionRequest, *, moment: datetime) -> None:
        """Make a session of a known owner where there is none.

        Args:
            opening: Which.
            moment: When it opens.
        """
        await self._connection.execute(
            TurnQueries.insert_sessions,
            [opening.tenant_id],
            [opening.agent_id],
            [opening.user_id],
            [opening.session_id],
            [opening.thread_id],
            [opening.channel],
            [moment],
        )

    async def reopen(self, opening: OpenSessionRequest) -> None:
        """Take back the closing of a locked session, and give it metadata where some are given."""
        metadata = None if opening.metadata is None else json.dumps(opening.metadata)
        await self._execute_for(SessionQueries.reopen_session, opening.scope, opening.session_id, metadata)

    async def close(self, scope: MemoryScope, session_id: str) -> None:
        """Close a locked session by request."""
        await self._execute_for(SessionQueries.close_session, scope, session_id)

    async def read(
        self,
        scope: MemoryScope,
        *,
        idle_seconds: float,
        session_id: str | None = None,
        is_open: bool | None = None,
        limit: int = 1,
        after: tuple[datetime, str] | None = None,
    ) -> list[Session]:
        """Return sessions, the one that opened last first.

        Args:
            scope: Of an agent with a user.
            idle_seconds: After how long a silence a session is closed.
            session_id: This one only.
            is_open: Those that are open, or those that are closed.
            limit: How many at most.
            after: The last of the page before.
        """
        rows = await self._connection.fetch(
            SessionQueries.read_sessions,
            scope.tenant_id,
            scope.agent_id,
            scope.user_id,
            session_id,
            idle_seconds,
            is_open,
            *(after or (None, None)),
            limit,
        )
        return [_session_of(scope, row) for row in rows]

    async def _execute_for(self, statement: str, scope: MemoryScope, session_id: str, *more: object) -> str | None:
        return await self._connection.fetchval(
            statement, scope.tenant_id, scope.agent_id, scope.user_id, session_id, *more
        )


def _session_of(scope: MemoryScope, row: "asyncpg.Record") -> Session:
    if scope.agent_id is None or scope.user_id is None:
        raise AssertionError  # every request on sessions has both
    return Session(
        agent_id=scope.agent_id,
        user_id=scope.user_id,
        session_id=row["session_id"],
        thread_id=row["thread_id"],
        channel=row["channel"],
        metadata=json.loads(row["metadata"]),
        opened_at=row["opened_at"],
        messages=row["turns"],
        first_message_at=row["first_at"],
        first_event_id=row["first_event_id"],
        last_message_at=row["last_at"],
        last_event_id=row["last_event_id"],
        closed_at=row["closed_at"],
        close_reason=None if row["close_reason"] is None else CloseReason(row["close_reason"]),
    )
