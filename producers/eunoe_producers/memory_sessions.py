"""The curator's part for sessions of an agent with a user."""

from collections.abc import AsyncIterator, Mapping

from pydantic import JsonValue

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.sessions import (
    CloseSessionRequest,
    GetSessionRequest,
    ListSessionsRequest,
    OpenSessionRequest,
    Session,
    SessionPage,
)


class Sessions:
    """`Curator.sessions`; what can be raised is said there. The scope is of an agent with a user."""

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def open(
        self,
        scope: MemoryScope,
        session_id: str,
        *,
        thread_id: str | None = None,
        channel: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Session:
        """Open a session before its first message, or open it again; one that is open stays so.

        Args:
            scope: Of an agent with a user.
            session_id: Its id within the two.
            thread_id: The channel's thread; of a session that is new.
            channel: The channel it comes through; of a session that is new.
            metadata: In place of the metadata that it has.
            request_id: Names the request, where it may have to be repeated.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            OpenSessionRequest,
            scope,
            request_id,
            deadline,
            session_id=session_id,
            thread_id=thread_id,
            channel=channel,
            metadata=metadata,
        )
        return (await self._requests.ask(request)).session

    async def get(self, scope: MemoryScope, session_id: str, *, deadline: float = DEFAULT_DEADLINE_SECONDS) -> Session:
        """Return a session."""
        request = self._requests.make(GetSessionRequest, scope, None, deadline, session_id=session_id)
        return (await self._requests.ask(request)).session

    async def list(
        self,
        scope: MemoryScope,
        *,
        is_open: bool | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> SessionPage:
        """Return a page of the sessions, the one that opened last first.

        Args:
            scope: Of an agent with a user.
            is_open: Those that are open, or those that are closed; both where nothing is said.
            limit: How many at most, 1..200.
            cursor: Where to go on: the cursor of the page before.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            ListSessionsRequest, scope, None, deadline, is_open=is_open, limit=limit, cursor=cursor
        )
        return await self._requests.ask(request)

    async def list_all(
        self, scope: MemoryScope, *, is_open: bool | None = None, deadline: float = DEFAULT_DEADLINE_SECONDS
    ) -> AsyncIterator[Session]:
        """Yield every session, the one that opened last first, page by page."""
        cursor = None
        while True:
            page = await self.list(scope, is_open=is_open, limit=MAX_PAGE, cursor=cursor, deadline=deadline)
            for session in page.sessions:
                yield session
            if (cursor := page.cursor) is None:
                return

    async def close(
        self,
        scope: MemoryScope,
        session_id: str,
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Session:
        """Close a session; its thread's next message begins another, one that names this session opens it again."""
        request = self._requests.make(CloseSessionRequest, scope, request_id, deadline, session_id=session_id)
        return (await self._requests.ask(request)).session
