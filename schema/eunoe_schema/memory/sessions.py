"""Sessions of an agent with a user: opened, read, closed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.events import Metadata
from eunoe_schema.memory.base import ReadRequest, Result, ResultT_co, ScopedRequest
from eunoe_schema.memory.read import DEFAULT_PAGE, MAX_PAGE
from eunoe_schema.memory.scope import SessionRef
from eunoe_schema.text import Name, SessionId, WithoutNul

# A session's id, of 300 characters of four bytes each, is part of it.
SessionCursor = Annotated[str, Field(min_length=1, max_length=2_000), WithoutNul]


class CloseReason(StrEnum):
    """Why a session is closed."""

    REQUESTED = "requested"
    IDLE = "idle"


class Session(ReplyModel):
    """A session of an agent with a user.

    It opens with its first message or by request, and is closed by request or by being idle. Both are told when it is
    read: a message that comes after the closing opens it again.

    Attributes:
        agent_id: The agent.
        user_id: The user.
        session_id: Its id within the two.
        thread_id: The channel's thread, where there is one.
        channel: The channel it came through.
        metadata: A JSON object.
        opened_at: When it opened.
        messages: How many of its messages are stored.
        first_message_at: When the first of them entered the stream.
        first_event_id: The first one's event id.
        last_message_at: When the last of them entered the stream.
        last_event_id: The last one's event id.
        closed_at: When it was closed, or had been idle for long enough; None while it is open.
        close_reason: Why it is closed.
    """

    agent_id: UUID
    user_id: str
    session_id: str
    thread_id: str | None = None
    channel: str | None = None
    metadata: dict[str, JsonValue]
    opened_at: datetime
    messages: int
    first_message_at: datetime | None = None
    first_event_id: str | None = None
    last_message_at: datetime | None = None
    last_event_id: str | None = None
    closed_at: datetime | None = None
    close_reason: CloseReason | None = None

    @property
    def ref(self) -> SessionRef:
        """Its name in full, as memories and filters take it."""
        return SessionRef(agent_id=self.agent_id, user_id=self.user_id, session_id=self.session_id)

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.closed_at is None


def _require_agent_and_user(request: ScopedRequest[Result]) -> None:
    if request.agent_id is None or request.user_id is None:
        msg = "agent_id and user_id must be given: a session is an agent's with a user"
        raise ValueError(msg)


class SessionResult(Result):
    """The answer to a request on one session.

    Attributes:
        session: As it is now.
    """

    kind: Literal["session"] = "session"
    session: Session


class SessionPage(Result):
    """The answer to `list_sessions`.

    Attributes:
        sessions: The one that opened last first.
        cursor: Where the next page begins; None at the end.
    """

    kind: Literal["sessions"] = "sessions"
    sessions: tuple[Session, ...] = ()
    cursor: str | None = None


class SessionRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A request on one session.

    Attributes:
        session_id: Its id within agent and user.
    """

    session_id: SessionId

    @model_validator(mode="after")
    def _of_both(self) -> Self:
        _require_agent_and_user(self)
        return self

    @property
    def ref(self) -> SessionRef:
        """The session's name in full."""
        return SessionRef.model_validate(
            {"agent_id": self.agent_id, "user_id": self.user_id, "session_id": self.session_id}
        )

    @property
    def touches(self) -> frozenset[str]:
        """The session."""
        return frozenset({f"{self.tenant_id}:{self.agent_id}:{self.user_id}:session:{self.session_id}"})


class OpenSessionRequest(SessionRequest[SessionResult]):
    """Open a session, or open it again; one that is open stays so.

    Attributes:
        thread_id: The channel's thread, where there is one; of a session that is new.
        channel: The channel it comes through; of a session that is new.
        metadata: In place of the metadata that it has; what it has stays where none is given.
    """

    kind: Literal["open_session"] = "open_session"
    thread_id: Name | None = None
    channel: Name | None = None
    metadata: Metadata | None = None


class CloseSessionRequest(SessionRequest[SessionResult]):
    """Close a session; its thread's next message begins another. One that was closed by request stays so."""

    kind: Literal["close_session"] = "close_session"


class GetSessionRequest(SessionRequest[SessionResult], ReadRequest[SessionResult]):
    """Return one session."""

    kind: Literal["get_session"] = "get_session"


class ListSessionsRequest(ReadRequest[SessionPage]):
    """Return the sessions of an agent with a user, the one that opened last first, page by page.

    Attributes:
        is_open: Those that are open, or those that are closed; both where nothing is said.
        limit: How many at most, 1..200.
        cursor: Where to go on, from the page before.
    """

    kind: Literal["list_sessions"] = "list_sessions"
    is_open: bool | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: SessionCursor | None = None

    @model_validator(mode="after")
    def _of_both(self) -> Self:
        _require_agent_and_user(self)
        return self
