"""The curator's part for directives: an agent's standing instructions."""

from collections.abc import Sequence

from eunoe_producers.memory_requests import MemoryRequests
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.memory.directives import (
    Directive,
    ListDirectivesRequest,
    OrderDirectivesRequest,
    RemoveDirectiveRequest,
    SetDirectiveRequest,
)
from eunoe_schema.memory.scope import MemoryScope


class Directives:
    """`Curator.directives`; what can be raised is said there, but `NotFound` is of a directive.

    The scope is of an agent, with every user or with one. Changes are of just that scope; what is listed for an agent
    with a user is what applies there, the directives with every user too.
    """

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests

    async def set(
        self,
        scope: MemoryScope,
        name: str,
        content: str,
        *,
        ordinal: int | None = None,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Directive:
        """Make a directive of the scope, or change the one of that name.

        Args:
            scope: Of an agent, with every user or with one.
            name: Its name within the scope.
            content: The text, 1..8,192 characters.
            ordinal: Its place in the prompt, from the least; where none is given, it stays, and a new one is the last.
            version: The version that you have seen.
            request_id: Names the request, where it may have to be repeated.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            SetDirectiveRequest,
            scope,
            request_id,
            deadline,
            name=name,
            content=content,
            ordinal=ordinal,
            version=version,
        )
        return (await self._requests.ask(request)).directive

    async def list(self, scope: MemoryScope, *, deadline: float = DEFAULT_DEADLINE_SECONDS) -> tuple[Directive, ...]:
        """Return the directives that apply to the scope, in their order."""
        request = self._requests.make(ListDirectivesRequest, scope, None, deadline)
        return (await self._requests.ask(request)).directives

    async def order(
        self,
        scope: MemoryScope,
        names: Sequence[str],
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> tuple[Directive, ...]:
        """Put the directives of the scope, all of them, into another order; return those that apply."""
        request = self._requests.make(OrderDirectivesRequest, scope, request_id, deadline, names=tuple(names))
        return (await self._requests.ask(request)).directives

    async def remove(
        self,
        scope: MemoryScope,
        name: str,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        """Remove a directive of the scope."""
        request = self._requests.make(RemoveDirectiveRequest, scope, request_id, deadline, name=name, version=version)
        await self._requests.ask(request)
