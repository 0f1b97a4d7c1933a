"""The indexes of giant scopes: built where they are missing, dropped where they are not needed any more.

Any number of processes may do so at any time: of those one works, and what one that was killed has left is mended by
the next.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_random

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.approximate_search import GiantScopeQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole, until_reachable
from eunoe_consumers.postgres.errors import wrapped
from eunoe_consumers.postgres.giant_scopes import GiantScope, GiantScopeTable
from eunoe_consumers.postgres.index_plan import Survey, plan
from eunoe_consumers.postgres.tenants import TenantQueries

log = structlog.stdlib.get_logger()

# Ours alone: "eunoei" in ASCII. Another one than that of migrations, which must not wait for a build.
_LOCK = 0x65756E6F6569
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class IndexShape:
    """When a scope gets an index, and what it looks like.

    Attributes:
        scope_rows: A scope with more turns than these gets one; one with less than half of them loses it.
        m: Links of a node.
        ef_construction: Candidates looked at for each node; at least twice `m`.
    """

    scope_rows: int
    m: int
    ef_construction: int


@dataclass(frozen=True)
class Kept:
    """What one call has done.

    Attributes:
        built: Scopes that got an index.
        dropped: Names of indexes that are gone.
        left: Scopes that still need one: the next call's, or another process is at it.
    """

    built: Sequence[GiantScope] = ()
    dropped: Sequence[str] = ()
    left: Sequence[GiantScope] = ()


class ScopeIndexes:
    """Surveys giant scopes, and keeps their indexes and the list of them."""

    def __init__(self, database: Database, url: str, shape: IndexShape) -> None:
        self._database = database
        self._table = GiantScopeTable(database)
        self._url = url
        self._shape = shape

    async def survey(self) -> Survey:
        """Look at every tenant's scopes and at the indexes.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.JANITOR) as connection:
            tenants = [row["id"] for row in await connection.fetch(TenantQueries.tenant_ids)]
            rows = await connection.fetch(GiantScopeQueries.giant_indexes)
        giants = [
            giant for tenant in tenants for giant in await self._table.find(tenant, beyond_rows=self._shape.scope_rows)
        ]
        giants.sort(key=lambda giant: (-giant.rows, giant.index_name))
        return Survey(giants, {row["index_name"]: row["usable"] for row in rows})

    async def keep(
        self,
        *,
        builds: int = 1,
        wait_seconds: float = 0.0,
        on_build: Callable[[GiantScope, int], None] = lambda _giant, _left: None,
    ) -> Kept:
        """Build what is missing and drop what is not needed; at once nothing where everything is as it should be.

        Args:
            builds: Indexes to build at most: each may take minutes.
            wait_seconds: How long to wait for another process that is at it.
            on_build: Told of each scope before its index is built, and how many are to come with it.

        Raises:
            ConfigurationError: If the login may not become the owner of the tables.
            StoreUnavailable: If PostgreSQL failed.
        """
        # Without a lock and as no owner: in most databases this is all there ever is to do.
        work = plan(await self.survey(), self._shape.scope_rows)
        if not work:
            return Kept()
        async with self._locked(wait_seconds) as owner:
            if owner is None:
                return Kept(left=work.build)
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
        return Kept(built=due, dropped=work.drop, left=work.build[builds:])

    async def _build(self, owner: "asyncpg.Connection[asyncpg.Record]", giant: GiantScope) -> None:
        """Build a scope's index while others write; list the scope when that is done, and not if it failed."""
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
        """Yield a connection of the owner that has the lock; None where another process keeps it.

        The lock is polled, as that of migrations is, and belongs to the session: a server that still builds for a
        client that has gone keeps it. The role is asked for at the start and not with SET ROLE, which behind pgbouncer
        in transaction mode would make somebody else the owner: pgbouncer refuses this one.
        """
        with wrapped():
            connection = await until_reachable(self._connect, wait_seconds=max(wait_seconds, 1.0))
            try:
                attempts = AsyncRetrying(
                    retry=retry_if_result(lambda locked: not locked),
                    wait=wait_random(0.05, 0.3),
                    stop=stop_after_delay(wait_seconds),
                )
                try:
                    await attempts(connection.fetchval, GiantScopeQueries.try_lock, _LOCK)
                except RetryError:
                    yield None
                    return
                yield connection
            finally:
                await connection.close(timeout=_CLOSE_SECONDS)

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        try:
            return await asyncpg.connect(
                self._url,
                server_settings={
                    "application_name": "eunoe index",
                    "role": DatabaseRole.OWNER.value,  # the driver takes a plain str only
                    "statement_timeout": "0",  # the login may have one, and a build may take an hour
                },
            )
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ProtocolViolationError) as error:
            msg = (
                f"cannot build indexes ({error}): EUNOE_DATABASE_URL has to name PostgreSQL itself and no pgbouncer, "
                f"and a login that may become {DatabaseRole.OWNER}"
            )
            raise ConfigurationError(msg) from error
