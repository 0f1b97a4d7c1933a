"""Run statements on curated memory, with the tenant, the scope and the lifetime as arguments where they are named."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import UUID

from eunoe_consumers.postgres.queries import Statement
from eunoe_consumers.postgres.settings import MemoryLifetimeSettings
from eunoe_schema.memory.scope import MemoryScope

if TYPE_CHECKING:
    import asyncpg

    from eunoe_consumers.postgres.database import Connection


class Lifetime(NamedTuple):
    """The lifetime of memories without an end of their own.

    Attributes:
        task_days: The lifetime of a task memory. Personal and project memories have no end.
        from_last_use: Whether it is counted from the last use instead of the creation.
    """

    task_days: int
    from_last_use: bool

    @classmethod
    def of(cls, settings: MemoryLifetimeSettings) -> Self:
        """Return the lifetime that the settings name."""
        return cls(settings.memory_task_days, from_last_use=settings.memory_task_expires_from == "last_use")


class MemoryConnection:
    """One transaction on the curated memory of one tenant.

    Each statement gets the tenant, the scope and the lifetime if it names them. Without a scope, a statement that names
    an agent or a user fails: nothing that belongs to a scope can run for a whole tenant by mistake.

    Args:
        connection: In a transaction that has taken a role for the tenant.
        tenant_id: The tenant.
        lifetime: How long memories live by default.
        scope: The scope of the request; None for a whole tenant.
    """

    def __init__(
        self, connection: "Connection", tenant_id: UUID, lifetime: Lifetime, scope: MemoryScope | None = None
    ) -> None:
        self._connection = connection
        self._shared: dict[str, object] = {"tenant_id": tenant_id, **lifetime._asdict()}
        if scope is not None:
            self._shared |= {"agent_id": scope.agent_id, "user_id": scope.user_id}

    async def fetch(self, statement: Statement, /, **given: object) -> "list[asyncpg.Record]":
        """Return all rows."""
        return await self._connection.fetch(statement.sql, *statement.arguments(given, self._shared))

    async def fetchrow(self, statement: Statement, /, **given: object) -> "asyncpg.Record | None":
        """Return the first row; None if there is none."""
        return await self._connection.fetchrow(statement.sql, *statement.arguments(given, self._shared))

    async def fetchval(self, statement: Statement, /, **given: object) -> Any:  # noqa: ANN401 - the driver's type
        """Return the first column of the first row; None if there is no row."""
        return await self._connection.fetchval(statement.sql, *statement.arguments(given, self._shared))

    async def fetchmany(self, statement: Statement, each: Iterable[Mapping[str, object]], /) -> "list[asyncpg.Record]":
        """Run a statement once for each of many arguments, in one round trip; return the rows of all."""
        return await self._connection.fetchmany(
            statement.sql, [statement.arguments(given, self._shared) for given in each]
        )

    async def execute(self, statement: Statement, /, **given: object) -> int:
        """Run a statement, and return the number of changed rows."""
        tag = await self._connection.execute(statement.sql, *statement.arguments(given, self._shared))
        return int(tag.rsplit(" ", 1)[1])
