"""Scopes that are too large to be searched exactly: which they are, and which of them have an index of their own."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eunoe_consumers.postgres.approximate_search import GiantScopeQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_schema.scope import Scope

# With 32 hexadecimal digits behind it, a name just fits into PostgreSQL's 63 bytes.
_INDEX_PREFIX = "conversation_embeddings_giant_"
_SCOPES_PER_PAGE = 1_000
_BEFORE_EVERY_SCOPE = (UUID(int=0), "")


def index_name(scope: Scope) -> str:
    """Return the name of a scope's own index: bounded, whatever the user is called, and of no other scope."""
    spelled = f"{scope.tenant_id}:{scope.agent_id}:{scope.user_id}".encode()
    return _INDEX_PREFIX + hashlib.blake2b(spelled, digest_size=16).hexdigest()


@dataclass(frozen=True)
class GiantScope:
    """A scope that has an index of its own, or ought to have one.

    Attributes:
        scope: The scope.
        rows: Its turns, counted just now.
        listed_at: Since when recall searches it approximately; None: it does not.
    """

    scope: Scope
    rows: int
    listed_at: datetime | None

    @property
    def index_name(self) -> str:
        """The name of its index, whether there is one or not."""
        return index_name(self.scope)


class GiantScopeTable:
    """The list of giant scopes, kept by the role janitor, one tenant at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant: UUID, *, beyond_rows: int) -> list[GiantScope]:
        """Return a tenant's scopes with more turns than `beyond_rows`, and those listed, the largest first.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant) as connection:
            rows = await connection.fetch(GiantScopeQueries.list_giants, tenant)
        listed = {Scope(tenant_id=tenant, agent_id=row["agent_id"], user_id=row["user_id"]): row for row in rows}
        found = set(listed).union(await self._beyond(tenant, beyond_rows))
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant) as connection:
            counted = [
                GiantScope(
                    scope,
                    await connection.fetchval(GiantScopeQueries.count_turns, tenant, scope.agent_id, scope.user_id),
                    listed[scope]["built_at"] if scope in listed else None,
                )
                for scope in found
            ]
        wanted = (giant for giant in counted if giant.listed_at or giant.rows > beyond_rows)
        return sorted(wanted, key=lambda giant: (-giant.rows, giant.index_name))

    async def _beyond(self, tenant: UUID, rows: int) -> list[Scope]:
        """Return the scopes with more turns than `rows`; a page a transaction, so that none lasts long."""
        found: list[Scope] = []
        last: tuple[UUID, str] = _BEFORE_EVERY_SCOPE
        while True:
            async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant) as connection:
                page = await connection.fetch(GiantScopeQueries.count_scopes, tenant, *last, _SCOPES_PER_PAGE)
            found += [
                Scope(tenant_id=tenant, agent_id=row["agent_id"], user_id=row["user_id"])
                for row in page
                if row["turns"] > rows
            ]
            if len(page) < _SCOPES_PER_PAGE:
                return found
            last = (page[-1]["agent_id"], page[-1]["user_id"])

    async def add(self, giant: GiantScope) -> None:
        """List a scope: recall searches it approximately from now on.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        scope = giant.scope
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=scope.tenant_id) as connection:
            await connection.execute(
                GiantScopeQueries.add_giant,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                giant.index_name,
                giant.rows,
            )

    async def remove(self, scope: Scope) -> None:
        """Take a scope off the list: recall searches it exactly from now on.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=scope.tenant_id) as connection:
            await connection.execute(GiantScopeQueries.remove_giant, scope.tenant_id, scope.agent_id, scope.user_id)
