"""`Curator.sessions`: the sessions of an agent with a user."""

from collections.abc import AsyncIterator, Mapping
from typing import Unpack

from pydantic import JsonValue

from eunoe_producers.memory.client import Options, Part, pages
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.sessions import (
    CloseSessionRequest,
    GetSessionRequest,
    ListSessionsRequest,
    OpenSessionRequest,
    Session,
    SessionPage,
)


class Sessions(Part):
    """Opens, reads and closes sessions. The scope names an agent and a user; errors are those of `Curator`."""

    async def open(
        self,
        scope: MemoryScope,
        session_id: str,
        *,
        thread_id: str | None = None,
        channel: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        **call: Unpack[Options],
    ) -> Session:
        """Open a session before its first message, or open a closed one again. An open session stays open.

        `thread_id` and `channel` apply to a new session only. Without `metadata`, a session keeps its metadata.
        """
        result = await self._ask(
            scope,
            call,
            lambda to: OpenSessionRequest(
                **to,
                session_id=session_id,
                thread_id=thread_id,
                channel=channel,
                metadata=None if metadata is None else dict(metadata),
            ),
        )
        return result.session

    async def get(self, scope: MemoryScope, session_id: str, **call: Unpack[Options]) -> Session:
        """Return a session."""
        result = await self._ask(scope, call, lambda to: GetSessionRequest(**to, session_id=session_id))
        return result.session

    async def list(
        self,
        scope: MemoryScope,
        *,
        is_open: bool | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        **call: Unpack[Options],
    ) -> SessionPage:
        """Return a page of sessions, last opened first.

        With `is_open`, return only open or only closed sessions. `limit` is the size of the page, 1..200. `cursor` is
        the cursor of the previous page.
        """
        return await self._ask(
            scope, call, lambda to: ListSessionsRequest(**to, is_open=is_open, limit=limit, cursor=cursor)
        )

    async def list_all(
        self, scope: MemoryScope, *, is_open: bool | None = None, **call: Unpack[Options]
    ) -> AsyncIterator[Session]:
        """Yield every session, last opened first, reading page by page."""
        async for page in pages(
            lambda cursor: self.list(scope, is_open=is_open, limit=MAX_PAGE, cursor=cursor, **call)
        ):
            for session in page.sessions:
                yield session

    async def close(self, scope: MemoryScope, session_id: str, **call: Unpack[Options]) -> Session:
        """Close a session. The next message of its thread starts another; a message that names it opens it again."""
        result = await self._ask(scope, call, lambda to: CloseSessionRequest(**to, session_id=session_id))
        return result.session
