"""Find giant scopes, and keep the list of scopes that recall searches approximately."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.giants.search import GiantScopeQueries
from eunoe_schema.scope import Scope

# Followed by 32 hexadecimal digits, a name just fits into PostgreSQL's 63 bytes.
_INDEX_PREFIX = "conversation_embeddings_giant_"
_SCOPES_PER_PAGE = 1_000
_BEFORE_FIRST_SCOPE = (UUID(int=0), "")


def index_name(scope: Scope) -> str:
    """Return the name of a scope's own index: unique, and bounded however long the user's id is."""
    text = f"{scope.tenant_id}:{scope.agent_id}:{scope.user_id}".encode()
    return _INDEX_PREFIX + hashlib.blake2b(text, digest_size=16).hexdigest()


@dataclass(frozen=True)
class GiantScope:
    """A scope that has its own index, or needs one.

    Attributes:
        scope: The scope.
        rows: The number of its turns.
        listed_at: When recall began to search it approximately; None if recall searches it exactly.
    """

    scope: Scope
    rows: int
    listed_at: datetime | None

    @property
    def index_name(self) -> str:
        """The name of its index, which may not exist yet."""
        return index_name(self.scope)


class GiantScopeTable:
    """The list of giant scopes, written with the database role `janitor`, one tenant at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant: UUID, *, above_rows: int) -> list[GiantScope]:
        """Return a tenant's scopes with more turns than `above_rows`, and its listed scopes, the largest first.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant) as connection:
            rows = await connection.fetch(GiantScopeQueries.list_giants, tenant)
        listed = {Scope(tenant_id=tenant, agent_id=row["agent_id"], user_id=row["user_id"]): row for row in rows}
        found = set(listed).union(await self._above(tenant, above_rows))
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=tenant) as connection:
            counted = [
                GiantScope(
                    scope,
                    await connection.fetchval(GiantScopeQueries.count_turns, tenant, scope.agent_id, scope.user_id),
                    listed[scope]["built_at"] if scope in listed else None,
                )
                for scope in found
            ]
        wanted = (giant for giant in counted if giant.listed_at or giant.rows > above_rows)
        return sorted(wanted, key=lambda giant: (-giant.rows, giant.index_name))

    async def _above(self, tenant: UUID, rows: int) -> list[Scope]:
        """Return the scopes with more turns than `rows`. Each page is a transaction, so that none lasts long."""
        found: list[Scope] = []
        last: tuple[UUID, str] = _BEFORE_FIRST_SCOPE
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
        """List a scope. From now on recall searches it approximately.

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
        """Take a scope off the list. From now on recall searches it exactly.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.JANITOR, tenant=scope.tenant_id) as connection:
            await connection.execute(GiantScopeQueries.remove_giant, scope.tenant_id, scope.agent_id, scope.user_id)
