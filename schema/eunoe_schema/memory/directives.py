"""Directives: an agent's standing instructions, with every user or with one."""

from datetime import datetime
from typing import Annotated, Generic, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from eunoe_schema.contract import ReplyModel
from eunoe_schema.memory.base import ReadRequest, Result, ResultT_co, ScopedRequest, Version
from eunoe_schema.memory.content import Content
from eunoe_schema.text import Name

MAX_DIRECTIVES = 100
MAX_ORDINAL = 1_000_000


class Directive(ReplyModel):
    """A standing instruction.

    Attributes:
        id: Its id within the tenant.
        agent_id: The agent.
        user_id: The user; None for every user.
        name: Its name, once among the agent's with the same user.
        content: The text, 1..8,192 characters.
        ordinal: Its place in the prompt, from the least.
        version: Rises with each change of content or place.
        created_at: When it was made.
        updated_at: When it last changed.
    """

    id: UUID
    agent_id: UUID
    user_id: str | None = None
    name: str
    content: str
    ordinal: int
    version: int
    created_at: datetime
    updated_at: datetime


def _require_agent(request: ScopedRequest[Result]) -> None:
    if request.agent_id is None:
        msg = "agent_id must be given: a directive is an agent's, with every user or with one"
        raise ValueError(msg)


class DirectiveResult(Result):
    """The answer to `set_directive`.

    Attributes:
        directive: As it is now.
    """

    kind: Literal["directive"] = "directive"
    directive: Directive


class DirectivesResult(Result):
    """The answer to `list_directives` and `order_directives`.

    Attributes:
        directives: In their order.
    """

    kind: Literal["directives"] = "directives"
    directives: tuple[Directive, ...] = ()


class DirectiveRemovedResult(Result):
    """The answer to `remove_directive`.

    Attributes:
        directive_id: What is gone.
    """

    kind: Literal["directive_removed"] = "directive_removed"
    directive_id: UUID


class _DirectiveChange(ScopedRequest[ResultT_co], Generic[ResultT_co]):
    """A change of the directives of an agent with every user, or with one: of just that scope."""

    @model_validator(mode="after")
    def _of_an_agent(self) -> Self:
        _require_agent(self)
        return self

    @property
    def touches(self) -> frozenset[str]:
        """The scope's directives, since each has a place among the others."""
        return frozenset({f"{self.tenant_id}:{self.agent_id}:{self.user_id}:directives"})


class SetDirectiveRequest(_DirectiveChange[DirectiveResult]):
    """Make a directive of the scope, or change the one of that name.

    Attributes:
        name: Its name within the scope.
        content: The text, 1..8,192 characters.
        ordinal: Its place in the prompt, from the least; where none is given, it stays, and a new one is the last.
        version: The version that the caller has seen; refused where it is another by now. None: whatever it is.
    """

    kind: Literal["set_directive"] = "set_directive"
    name: Name
    content: Content
    ordinal: Annotated[int, Field(ge=-MAX_ORDINAL, le=MAX_ORDINAL)] | None = None
    version: Version | None = None


class OrderDirectivesRequest(_DirectiveChange[DirectivesResult]):
    """Put the directives of the scope into another order.

    Attributes:
        names: All of them, in their new order.
    """

    kind: Literal["order_directives"] = "order_directives"
    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MAX_DIRECTIVES)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.names)) != len(self.names):
            msg = "names holds a name twice"
            raise ValueError(msg)
        return self


class RemoveDirectiveRequest(_DirectiveChange[DirectiveRemovedResult]):
    """Remove a directive of the scope.

    Attributes:
        name: Its name within the scope.
        version: The version that the caller has seen; refused where it is another by now. None: whatever it is.
    """

    kind: Literal["remove_directive"] = "remove_directive"
    name: Name
    version: Version | None = None


class ListDirectivesRequest(ReadRequest[DirectivesResult]):
    """Return the directives that apply to the scope, in their order: the agent's with every user, and with this one."""

    kind: Literal["list_directives"] = "list_directives"

    @model_validator(mode="after")
    def _of_an_agent(self) -> Self:
        _require_agent(self)
        return self

    @property
    def touches(self) -> frozenset[str]:
        """The directives that apply: a change before it on the stream is seen."""
        owners = {self.user_id, None}
        return frozenset(f"{self.tenant_id}:{self.agent_id}:{user}:directives" for user in owners)
