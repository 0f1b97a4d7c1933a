"""What every memory request has."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eunoe_schema.limits import MAX_DEADLINE_SECONDS
from eunoe_schema.memory.scope import MemoryScope, require_agent_or_user
from eunoe_schema.text import Name

DEFAULT_DEADLINE_SECONDS = 5.0

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


class MemoryMessage(BaseModel):
    """What every request on `eunoe:memory` has.

    Attributes:
        request_id: Names the request and its reply, once and for all: asked again, it is answered as it was.
        reply_to: The pub/sub channel on which the client waits; None: nobody waits for what a change became.
        tenant_id: The tenant.
        deadline_seconds: How long the client waits, counted from the request's place on the stream. A question that
            comes later is dropped; a change is made all the same, since whoever asks again must find it made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: Name
    reply_to: Name | None = None
    tenant_id: UUID
    deadline_seconds: Annotated[float, Field(gt=0, le=MAX_DEADLINE_SECONDS)] = DEFAULT_DEADLINE_SECONDS

    @model_validator(mode="after")
    def _is_heard(self) -> Self:
        if not self.changes and self.reply_to is None:
            msg = "reply_to must be given: nobody would hear the answer to a question"
            raise ValueError(msg)
        return self

    @property
    def changes(self) -> bool:
        """Whether it changes anything: then its reply is kept, and it is done even when its deadline has passed."""
        return True

    @property
    def touches(self) -> frozenset[str]:
        """What it works on: requests that share one of these are done in the order of the stream."""
        return frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """What has to be embedded before it can be done."""
        return ()


class ScopedRequest(MemoryMessage):
    """A request on the memories that apply to a scope.

    Attributes:
        agent_id: The agent; None for every agent.
        user_id: The user; None for every user.
    """

    agent_id: UUID | None = None
    user_id: Name | None = None

    @model_validator(mode="after")
    def _belongs_to_someone(self) -> Self:
        require_agent_or_user(self.agent_id, self.user_id)
        return self

    @property
    def scope(self) -> MemoryScope:
        """The scope that is asked."""
        return MemoryScope(tenant_id=self.tenant_id, agent_id=self.agent_id, user_id=self.user_id)
