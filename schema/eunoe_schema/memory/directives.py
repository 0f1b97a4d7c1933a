"""Directives: the standing instructions of an agent, for every user or for one."""

from datetime import datetime
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import ReadRequest, Result, ResultT_co, ScopedRequest, VersionedRequest
from eunoe_schema.memory.content import Content
from eunoe_schema.text import Name, NotBlank

MAX_DIRECTIVES = 100
MAX_ORDINAL = 1_000_000


class Directive(ReplyModel):
    """A standing instruction for an agent."""

    id: UUID
    """The id, unique within the tenant."""
    agent_id: UUID
    """The agent."""
    user_id: str | None = None
    """The user. It is left out if the directive is for every user."""
    name: str
    """The name, unique among the agent's directives for the same user."""
    content: str
    """The text, 1..8,192 characters."""
    ordinal: int
    """The place in the prompt, lowest first."""
    version: int
    """Rises with each change of content or place."""
    created_at: datetime
    """When the directive was created."""
    updated_at: datetime
    """When the directive last changed."""


class DirectiveResult(Result):
    """The result of `set_directive`."""

    kind: Literal["directive"] = "directive"
    directive: Directive
    """The directive after the request."""


class DirectivesResult(Result):
    """The result of `list_directives` and `order_directives`."""

    kind: Literal["directives"] = "directives"
    directives: tuple[Directive, ...] = ()
    """The directives that apply to the scope, in their order."""


class DirectiveRemovedResult(Result):
    """The result of `remove_directive`."""

    kind: Literal["directive_removed"] = "directive_removed"
    directive_id: UUID
    """The removed directive."""


class _DirectiveRequest(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A request on the directives of an agent, for every user or for one."""

    @model_validator(mode="after")
    def _names_an_agent(self) -> Self:
        if self.agent_id is None:
            raise ValueError("agent_id is missing: a directive belongs to an agent, for every user or for one")
        return self

    def _touched(self, *users: str | None) -> frozenset[str]:
        """Return one name for all directives of a scope: a change of one may move the others."""
        return self._within_tenant(*(f"{self.agent_id}:{user}:directives" for user in users))

    @property
    def touches(self) -> frozenset[str]:
        """The directives of exactly this scope."""
        return self._touched(self.user_id)


class SetDirectiveRequest(_DirectiveRequest[DirectiveResult], VersionedRequest[DirectiveResult]):
    """Create a directive, or change the directive with that name."""

    kind: Literal["set_directive"] = "set_directive"
    name: Annotated[Name, NotBlank]
    """The name, unique within the scope."""
    content: Content
    """The text, 1..8,192 characters."""
    ordinal: Annotated[int, Field(ge=-MAX_ORDINAL, le=MAX_ORDINAL)] | None = None
    """The place in the prompt, lowest first. Without it, a directive keeps its place; a new one is last."""


class OrderDirectivesRequest(_DirectiveRequest[DirectivesResult]):
    """Set the order of the directives of the scope."""

    kind: Literal["order_directives"] = "order_directives"
    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_DIRECTIVES)]
    """The names of all directives of the scope, in their new order."""

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError("names holds a name twice")
        return self


class RemoveDirectiveRequest(_DirectiveRequest[DirectiveRemovedResult], VersionedRequest[DirectiveRemovedResult]):
    """Remove a directive of the scope."""

    kind: Literal["remove_directive"] = "remove_directive"
    name: Name
    """The name of the directive."""


class ListDirectivesRequest(_DirectiveRequest[DirectivesResult], ReadRequest[DirectivesResult]):
    """Return the directives of the agent for every user and for this user, in their order."""

    kind: Literal["list_directives"] = "list_directives"

    @property
    def touches(self) -> frozenset[str]:
        """The directives of this scope, and those for every user."""
        return self._touched(self.user_id, None)
