"""Sessions of an agent with a user."""

import json
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from eunoe_consumers.delivery.redis_client import redis_wrapped
from eunoe_consumers.memories import table
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.handlers import handles
from eunoe_consumers.memories.pages import after, page_of
from eunoe_consumers.memories.refusals import missing
from eunoe_consumers.postgres.queries import QueryFile, Statement
from eunoe_schema import keys
from eunoe_schema.lua import register_lua
from eunoe_schema.memory.sessions import (
    CloseReason,
    CloseSessionRequest,
    GetSessionRequest,
    ListSessionsRequest,
    OpenSessionRequest,
    Session,
    SessionPage,
    SessionResult,
)
from eunoe_schema.scope import Scope

if TYPE_CHECKING:
    import asyncpg


class SessionQueries(QueryFile, file="sessions"):
    """Statements on the table `sessions`."""

    lock_session: Statement
    reopen_session: Statement
    close_session: Statement
    read_sessions: Statement


@handles(OpenSessionRequest)
async def open_session(request: OpenSessionRequest, call: Call) -> SessionResult:
    """Open a session, or open it again."""
    await table.ensure_exists(call.db, call.scope)
    await table.ensure_session_exists(call.db, request.ref, thread_id=request.thread_id, channel=request.channel)
    metadata = None if request.metadata is None else json.dumps(request.metadata)
    await call.db.execute(SessionQueries.reopen_session, session_id=request.session_id, metadata=metadata)
    return SessionResult(session=await _session(request.session_id, call))


async def leave_thread(redis: Redis, request: CloseSessionRequest, result: SessionResult) -> None:
    """Make the next message of the thread begin a new session, unless the thread is in another session already.

    Raises:
        TransientError: If Redis cannot be reached.
    """
    session = result.session
    scope = Scope(tenant_id=request.tenant_id, agent_id=session.agent_id, user_id=session.user_id)
    leave = register_lua(redis, "eunoe_consumers.memories", "leave_session")
    with redis_wrapped():
        await leave([keys.current_session(scope, session.thread_id or "")], [session.session_id])


@handles(CloseSessionRequest, after_commit=leave_thread)
async def close_session(request: CloseSessionRequest, call: Call) -> SessionResult:
    """Close a session. Closing an idle session records `requested` as the reason; closing twice has no effect."""
    if not await call.db.fetchval(SessionQueries.lock_session, session_id=request.session_id):
        raise missing(f"session {request.session_id!r}")
    session = await _session(request.session_id, call)
    if session.close_reason is not CloseReason.REQUESTED:
        await call.db.execute(SessionQueries.close_session, session_id=request.session_id)
        session = await _session(request.session_id, call)
    return SessionResult(session=session)


@handles(GetSessionRequest)
async def get_session(request: GetSessionRequest, call: Call) -> SessionResult:
    """Return a session."""
    return SessionResult(session=await _session(request.session_id, call))


@handles(ListSessionsRequest)
async def list_sessions(request: ListSessionsRequest, call: Call) -> SessionPage:
    """Return a page of sessions."""
    rows = await call.db.fetch(
        SessionQueries.read_sessions,
        session_id=None,
        idle_seconds=call.rules.session_idle_seconds,
        is_open=request.is_open,
        **after(request.cursor, str),
        limit=request.limit + 1,
    )
    found = [_session_of(row, call) for row in rows]
    shown, cursor = page_of(found, request.limit, lambda session: (session.opened_at, session.session_id))
    return SessionPage(sessions=shown, cursor=cursor)


async def _session(session_id: str, call: Call) -> Session:
    row = await call.db.fetchrow(
        SessionQueries.read_sessions,
        session_id=session_id,
        idle_seconds=call.rules.session_idle_seconds,
        is_open=None,
        **after(None, str),
        limit=1,
    )
    if row is None:
        raise missing(f"session {session_id!r}")
    return _session_of(row, call)


def _session_of(row: "asyncpg.Record", call: Call) -> Session:
    return Session.model_validate(
        {
            **dict(row),
            "agent_id": call.scope.agent_id,
            "user_id": call.scope.user_id,
            "metadata": json.loads(row["metadata"]),
        }
    )
