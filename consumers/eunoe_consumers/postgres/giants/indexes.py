"""Build the missing indexes of giant scopes, and drop the unused ones.

Any number of processes may try at the same time. One works. The next one repairs an interrupted update.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import structlog

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.database import Database, DatabaseRole, poll_lock, until_reachable
from eunoe_consumers.postgres.errors import wrapped
from eunoe_consumers.postgres.giants.plan import Survey, plan
from eunoe_consumers.postgres.giants.scopes import GiantScope, GiantScopeTable
from eunoe_consumers.postgres.giants.search import GiantScopeQueries
from eunoe_consumers.postgres.tenants import TenantQueries

log = structlog.stdlib.get_logger()

# "eunoei" in ASCII. Migrations have another lock, because they must not wait for a build.
_LOCK = 0x65756E6F6569
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class IndexShape:
    """When a scope gets an index, and how the index is built.

    Attributes:
        scope_rows: A scope with more turns gets an index. It loses the index with fewer than half as many.
        m: Links per node.
        ef_construction: Candidates per node during the build; at least twice `m`.
    """

    scope_rows: int
    m: int
    ef_construction: int


@dataclass(frozen=True)
class IndexChanges:
    """What one call of `ScopeIndexes.update` changed.

    Attributes:
        built: Scopes that got an index.
        dropped: Names of the dropped indexes.
        left: Scopes that still need an index, from the next call or from another process that is building now.
    """

    built: Sequence[GiantScope] = ()
    dropped: Sequence[str] = ()
    left: Sequence[GiantScope] = ()


class ScopeIndexes:
    """Finds giant scopes, and keeps their indexes and their list up to date."""

    def __init__(self, database: Database, url: str, shape: IndexShape) -> None:
        self._database = database
        self._table = GiantScopeTable(database)
        self._url = url
        self._shape = shape

    async def survey(self) -> Survey:
        """Return the giant scopes of all tenants, and their indexes.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.JANITOR) as connection:
            tenants = [row["id"] for row in await connection.fetch(TenantQueries.tenant_ids)]
            rows = await connection.fetch(GiantScopeQueries.giant_indexes)
        giants = [
            giant for tenant in tenants for giant in await self._table.find(tenant, above_rows=self._shape.scope_rows)
        ]
        giants.sort(key=lambda giant: (-giant.rows, giant.index_name))
        return Survey(giants, {row["index_name"]: row["usable"] for row in rows})

    async def update(
        self,
        *,
        builds: int = 1,
        wait_seconds: float = 0.0,
        on_build: Callable[[GiantScope, int], None] = lambda _giant, _left: None,
    ) -> IndexChanges:
        """Build the missing indexes and drop the unused ones. Return quickly if there is nothing to do.

        Args:
            builds: Indexes to build at most. Each may take minutes.
            wait_seconds: How long to wait for another process that is building.
            on_build: Called before each build with the scope and the number of builds left, this one included.

        Raises:
            ConfigurationError: If the login may not take the role of the tables' owner.
            StoreUnavailable: If PostgreSQL failed.
        """
        # Most databases have nothing to do, ever: find that out without the lock and without the owner's role.
        work = plan(await self.survey(), self._shape.scope_rows)
        if not work:
            return IndexChanges()
        async with self._locked(wait_seconds) as owner:
            if owner is None:
                return IndexChanges(left=work.build)
            work = plan(await self.survey(), self._shape.scope_rows)
            for giant in work.unlist:
                await self._table.remove(giant.scope)
            for name in work.drop:
                await owner.execute(await owner.fetchval(GiantScopeQueries.drop_index_statement, name))
                log.info("dropped the index of a scope", index=name)
            for giant in work.enlist:
                await self._table.add(giant)
            due = work.build[:builds]
            for number, giant in enumerate(due):
                on_build(giant, len(due) - number)
                await self._build(owner, giant)
        return IndexChanges(built=due, dropped=work.drop, left=work.build[builds:])

    async def _build(self, owner: "asyncpg.Connection[asyncpg.Record]", giant: GiantScope) -> None:
        """Build a scope's index without blocking writers. List the scope only if the build succeeds."""
        scope, shape = giant.scope, self._shape
        began = time.monotonic()
        await owner.execute(
            await owner.fetchval(
                GiantScopeQueries.giant_index_statement,
                giant.index_name,
                shape.m,
                shape.ef_construction,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
            )
        )
        await self._table.add(giant)
        log.info(
            "built an index for a scope",
            tenant_id=str(scope.tenant_id),
            index=giant.index_name,
            rows=giant.rows,
            seconds=round(time.monotonic() - began, 1),
        )

    @asynccontextmanager
    async def _locked(self, wait_seconds: float) -> "AsyncGenerator[asyncpg.Connection[asyncpg.Record] | None]":
        """Yield a connection as the owner that has the lock; None if another process has it.

        The lock belongs to the session, so that a server which still builds for a vanished client keeps it. The role
        is taken when the connection starts, not with SET ROLE: behind pgbouncer in transaction mode, SET ROLE would
        make another client the owner. pgbouncer refuses a role at the start.
        """
        with wrapped():
            connection = await until_reachable(self._connect, wait_seconds=max(wait_seconds, 1.0))
            try:
                locked = await poll_lock(
                    lambda: connection.fetchval(GiantScopeQueries.try_lock, _LOCK), wait_seconds=wait_seconds
                )
                yield connection if locked else None
            finally:
                await connection.close(timeout=_CLOSE_SECONDS)

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        try:
            return await asyncpg.connect(
                self._url,
                server_settings={
                    "application_name": "eunoe index",
                    "role": DatabaseRole.OWNER.value,  # the driver takes a plain str only
                    "statement_timeout": "0",  # a build may take an hour, longer than the login may allow
                },
            )
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ProtocolViolationError) as error:
            raise ConfigurationError(
                f"cannot build indexes ({error}): EUNOE_DATABASE_URL must point to PostgreSQL itself, not to a "
                f"pgbouncer, with a login that may take the role {DatabaseRole.OWNER}"
            ) from error
