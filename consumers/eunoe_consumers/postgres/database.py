"""Connections to PostgreSQL: one pool a process, one role a transaction."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from pgvector.asyncpg import register_vector
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.errors import StoreUnavailable, connecting, wrapped
from eunoe_consumers.postgres.queries import QueryFile

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]

ResultT = TypeVar("ResultT")

# Slower than any statement of ours by far; a connection that hangs longer is as good as lost.
_COMMAND_SECONDS = 60.0
_CLOSE_SECONDS = 5.0


class SchemaQueries(QueryFile, file="schema"):
    """The statements of schema.sql."""

    take_role: str
    applied_versions: str
    embedding_dimensions: str


class DatabaseRole(StrEnum):
    """The roles that sql/bootstrap.sql makes."""

    OWNER = "eunoe_owner"
    INGEST = "eunoe_ingest"
    RECALL = "eunoe_recall"
    CURATOR = "eunoe_curator"
    JANITOR = "eunoe_janitor"


async def until_reachable(connect: Callable[[], Awaitable[ResultT]], *, wait_seconds: float) -> ResultT:
    """Connect, waiting for a server that is starting.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        StoreUnavailable: If the server did not answer in `wait_seconds`.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
        stop=stop_after_delay(wait_seconds),
        reraise=True,
    )

    async def once() -> ResultT:
        with connecting():
            return await connect()

    return await attempts(once)


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Teach a new connection the vector types."""
    try:
        await register_vector(connection)
    except ValueError as error:
        msg = f"the database is not ready for Eunoe ({error}): run `eunoe migrate up`"
        raise ConfigurationError(msg) from error


async def _leave_as_it_is(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Skip the driver's RESET ALL, a round trip after each transaction: what we set ends with the transaction."""


class Database:
    """A pool of connections; every statement runs in a transaction that has taken on a role."""

    def __init__(self, pool: "Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    async def connect(
        cls, url: str, *, connections: int = 4, statement_cache_size: int = 100, wait_seconds: float = 30.0
    ) -> Self:
        """Open a pool, waiting for a server that is starting.

        Raises:
            ConfigurationError: If the URL or the credentials are wrong, or the extension is not installed.
            StoreUnavailable: If the server did not answer in `wait_seconds`.
        """
        pool = await until_reachable(
            lambda: asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections,
                statement_cache_size=statement_cache_size,
                command_timeout=_COMMAND_SECONDS,
                init=_prepare,
                reset=_leave_as_it_is,
                server_settings={"application_name": "eunoe"},
            ),
            wait_seconds=wait_seconds,
        )
        return cls(pool)

    @contextlib.asynccontextmanager
    async def transaction(
        self, role: DatabaseRole, *, tenant: UUID | None = None, batch_tenants: Collection[UUID] = ()
    ) -> AsyncGenerator["Connection"]:
        """Begin a transaction as `role`; committed when the block ends well.

        Role and tenants are set by set_config(..., true): they end with the transaction, so that neither a pool nor
        pgbouncer can hand them to somebody else.

        Args:
            role: The role to take on.
            tenant: The one tenant whose rows may be read.
            batch_tenants: The tenants that rows may be written for.

        Raises:
            RowRefused: If a row can never be stored.
            StoreUnavailable: If PostgreSQL failed in any other way.
        """
        batch = ",".join(sorted(map(str, batch_tenants)))
        with wrapped():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(SchemaQueries.take_role, role, str(tenant or ""), batch)
                yield connection

    async def close(self) -> None:
        """Close the pool, waiting for what runs, but not for a server that hangs."""
        try:
            await asyncio.wait_for(self._pool.close(), _CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
