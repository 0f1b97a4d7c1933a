"""Directives of an agent, within a curator's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.memory.directives import Directive, SetDirectiveRequest
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    from eunoe_consumers.postgres.database import Connection


class DirectiveQueries(QueryFile, file="directives"):
    """The statements of directives.sql."""

    lock_directives: str
    set_directive: str
    read_directives: str
    order_directives: str
    remove_directive: str


@dataclass(frozen=True)
class LockedDirective:
    """What has to be known before a directive is changed.

    Attributes:
        id: Its id.
        name: Its name.
        version: Its version.
    """

    id: UUID
    name: str
    version: int


class DirectiveTable:
    """The table `directives`."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    async def lock(self, owner: MemoryScope) -> dict[str, LockedDirective]:
        """Lock the directives of one owner, and return them by name in their order."""
        rows = await self._connection.fetch(
            DirectiveQueries.lock_directives, owner.tenant_id, owner.agent_id, owner.user_id
        )
        return {row["name"]: LockedDirective(row["id"], row["name"], row["version"]) for row in rows}

    async def set(self, new: SetDirectiveRequest) -> UUID:
        """Make a directive of a known owner, or change the one of that name; return its id."""
        return await self._connection.fetchval(
            DirectiveQueries.set_directive,
            new.tenant_id,
            new.agent_id,
            new.user_id,
            uuid4(),
            new.name,
            new.content,
            new.ordinal,
        )

    async def read(self, scope: MemoryScope, directive_id: UUID | None = None) -> tuple[Directive, ...]:
        """Return the directives that apply to a scope, in their order; or the one that is named."""
        rows = await self._connection.fetch(
            DirectiveQueries.read_directives, scope.tenant_id, scope.agent_id, scope.user_id, directive_id
        )
        return tuple(Directive.model_validate(dict(row)) for row in rows)

    async def order(self, tenant_id: UUID, directive_ids: Sequence[UUID]) -> None:
        """Give an owner's locked directives the places that they have here, from 1."""
        await self._connection.execute(DirectiveQueries.order_directives, tenant_id, directive_ids)

    async def remove(self, tenant_id: UUID, directive_id: UUID) -> None:
        """Delete a locked directive."""
        await self._connection.execute(DirectiveQueries.remove_directive, tenant_id, directive_id)
