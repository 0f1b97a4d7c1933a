"""The sessions of an agent with a user."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.events import Metadata
from eunoe_schema.memory.base import Page, PageRequest, ReadRequest, Result, ResultT_co, ScopedRequest
from eunoe_schema.memory.scope import SessionRef
from eunoe_schema.text import Name, SessionId, WithoutNul

# The cursor holds a session id, up to 300 characters of four bytes each.
SessionCursor = Annotated[str, Field(min_length=1, max_length=2_000), WithoutNul]


class CloseReason(StrEnum):
    """Why a session is closed."""

    REQUESTED = "requested"
    IDLE = "idle"


class Session(ReplyModel):
    """A session of an agent with a user.

    Its first message or a request opens it. A request or a long pause closes it. A message that names a closed session
    opens it again.
    """

    agent_id: UUID
    """The agent."""
    user_id: str
    """The user."""
    session_id: str
    """The id, unique for agent and user."""
    thread_id: str | None = None
    """The channel's thread."""
    channel: str | None = None
    """The channel."""
    metadata: dict[str, JsonValue]
    """A JSON object."""
    opened_at: datetime
    """When the session was opened."""
    messages: int
    """The number of its messages that are stored."""
    first_message_at: datetime | None = None
    """When its first stored message entered the stream."""
    first_event_id: str | None = None
    """The event id of its first stored message."""
    last_message_at: datetime | None = None
    """When its last stored message entered the stream."""
    last_event_id: str | None = None
    """The event id of its last stored message."""
    closed_at: datetime | None = None
    """When a request or a long pause closed the session. It is left out while the session is open."""
    close_reason: CloseReason | None = None
    """Why the session is closed."""

    @property
    def ref(self) -> SessionRef:
        """The full name of the session, for memories and filters."""
        return SessionRef(agent_id=self.agent_id, user_id=self.user_id, session_id=self.session_id)

    @property
    def is_open(self) -> bool:
        """Whether the session is open."""
        return self.closed_at is None


class SessionResult(Result):
    """The result of a request on one session."""

    kind: Literal["session"] = "session"
    session: Session
    """The session after the request."""


class SessionPage(Page):
    """The result of `list_sessions`."""

    kind: Literal["sessions"] = "sessions"
    sessions: tuple[Session, ...] = ()
    """The sessions, last opened first."""


class _ConversationRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A request on the sessions of an agent with a user."""

    @model_validator(mode="after")
    def _names_agent_and_user(self) -> Self:
        if self.agent_id is None or self.user_id is None:
            raise ValueError("agent_id and user_id must be given: a session belongs to an agent with a user")
        return self


class SessionRequest(_ConversationRequest[ResultT_co], Generic[ResultT_co]):
    """A request on one session."""

    session_id: SessionId
    """The session."""

    @property
    def ref(self) -> SessionRef:
        """The full name of the session."""
        return SessionRef.model_validate(
            {"agent_id": self.agent_id, "user_id": self.user_id, "session_id": self.session_id}
        )

    @property
    def touches(self) -> frozenset[str]:
        """The session."""
        return self._within_tenant(f"{self.agent_id}:{self.user_id}:session:{self.session_id}")


class OpenSessionRequest(SessionRequest[SessionResult]):
    """Open a session, or open a closed one again. An open session stays open."""

    kind: Literal["open_session"] = "open_session"
    thread_id: Name | None = None
    """The channel's thread, for a new session."""
    channel: Name | None = None
    """The channel, for a new session."""
    metadata: Metadata | None = None
    """The new metadata. Without it, a session keeps its metadata."""


class CloseSessionRequest(SessionRequest[SessionResult]):
    """Close a session. The next message of its thread starts another session."""

    kind: Literal["close_session"] = "close_session"


class GetSessionRequest(SessionRequest[SessionResult], ReadRequest[SessionResult]):
    """Return one session."""

    kind: Literal["get_session"] = "get_session"


class ListSessionsRequest(_ConversationRequest[SessionPage], PageRequest[SessionPage]):
    """Return a page of the sessions of an agent with a user, last opened first."""

    kind: Literal["list_sessions"] = "list_sessions"
    is_open: bool | None = None
    """Return only open sessions (`true`), or only closed ones (`false`). Leave it out for both."""
    cursor: SessionCursor | None = None
    """The cursor of the previous page. Leave it out for the first page."""
