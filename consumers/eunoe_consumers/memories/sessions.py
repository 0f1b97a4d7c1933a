"""Handle the requests on sessions."""

from datetime import UTC, datetime

from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.cursor import from_cursor, to_cursor
from eunoe_consumers.memories.refusal import nothing_there
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


async def open_session(request: OpenSessionRequest, call: Call) -> SessionResult:
    """Open a session, or open it again."""
    await call.unit.introduce(call.scope)
    await call.unit.sessions.open(request, moment=datetime.now(UTC))
    await call.unit.sessions.reopen(request)
    return SessionResult(session=await _session(request.session_id, call))


async def close_session(request: CloseSessionRequest, call: Call) -> SessionResult:
    """Close a session; one that was idle is closed by request then, and one that was closed stays as it was."""
    if not await call.unit.sessions.lock(call.scope, request.session_id):
        raise nothing_there(f"session {request.session_id!r}")
    session = await _session(request.session_id, call)
    if session.close_reason is not CloseReason.REQUESTED:
        await call.unit.sessions.close(call.scope, request.session_id)
        session = await _session(request.session_id, call)
    return SessionResult(session=session)


async def get_session(request: GetSessionRequest, call: Call) -> SessionResult:
    """Return a session."""
    return SessionResult(session=await _session(request.session_id, call))


async def list_sessions(request: ListSessionsRequest, call: Call) -> SessionPage:
    """Return a page of sessions."""
    # One more than is asked for: it says whether there is another page.
    found = await call.unit.sessions.read(
        call.scope,
        idle_seconds=call.rules.session_idle_seconds,
        is_open=request.is_open,
        limit=request.limit + 1,
        after=from_cursor(request.cursor, str),
    )
    shown = found[: request.limit]
    cursor = to_cursor(shown[-1].opened_at, shown[-1].session_id) if len(found) > request.limit else None
    return SessionPage(sessions=tuple(shown), cursor=cursor)


async def _session(session_id: str, call: Call) -> Session:
    found = await call.unit.sessions.read(
        call.scope, idle_seconds=call.rules.session_idle_seconds, session_id=session_id
    )
    if not found:
        raise nothing_there(f"session {session_id!r}")
    return found[0]
