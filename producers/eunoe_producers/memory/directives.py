"""`Curator.directives`: the standing instructions of an agent."""

from collections.abc import Sequence
from typing import Unpack

from eunoe_producers.memory.client import Options, Part
from eunoe_schema.memory.directives import (
    Directive,
    ListDirectivesRequest,
    OrderDirectivesRequest,
    RemoveDirectiveRequest,
    SetDirectiveRequest,
)
from eunoe_schema.memory.scope import MemoryScope


class Directives(Part):
    """Reads and changes directives. The scope names an agent, for every user or for one.

    A change concerns exactly the directives of that scope. A list for an agent with a user also holds the agent's
    directives for every user. Errors are those of `Curator`, with `NotFound` for a missing directive.
    """

    async def set(
        self,
        scope: MemoryScope,
        name: str,
        content: str,
        *,
        ordinal: int | None = None,
        version: int | None = None,
        **call: Unpack[Options],
    ) -> Directive:
        """Create a directive, or change the directive with that name.

        `ordinal` is the place in the prompt, lowest first. Without it, a directive keeps its place; a new one is last.
        """
        result = await self._ask(
            scope,
            call,
            lambda to: SetDirectiveRequest(**to, name=name, content=content, ordinal=ordinal, version=version),
        )
        return result.directive

    async def list(self, scope: MemoryScope, **call: Unpack[Options]) -> tuple[Directive, ...]:
        """Return the directives that apply to the scope, in their order."""
        result = await self._ask(scope, call, lambda to: ListDirectivesRequest(**to))
        return result.directives

    async def order(self, scope: MemoryScope, names: Sequence[str], **call: Unpack[Options]) -> tuple[Directive, ...]:
        """Set the order of all directives of the scope. Return the directives that apply to it."""
        result = await self._ask(scope, call, lambda to: OrderDirectivesRequest(**to, names=tuple(names)))
        return result.directives

    async def remove(
        self, scope: MemoryScope, name: str, *, version: int | None = None, **call: Unpack[Options]
    ) -> None:
        """Remove a directive of the scope."""
        await self._ask(scope, call, lambda to: RemoveDirectiveRequest(**to, name=name, version=version))
