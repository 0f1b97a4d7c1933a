"""Connections to PostgreSQL: one pool per process, one role per transaction."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from pgvector.asyncpg import register_vector
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_exponential_jitter,
    wait_random,
)

from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.errors import StoreUnavailable, connecting, wrapped
from eunoe_consumers.postgres.queries import QueryFile

if TYPE_CHECKING:
    from asyncpg.pool import Pool, PoolConnectionProxy

    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record]

ResultT = TypeVar("ResultT")

# Far longer than any statement takes. A connection that hangs longer is lost.
_COMMAND_SECONDS = 60.0
_CLOSE_SECONDS = 5.0


class SchemaQueries(QueryFile, file="schema"):
    """The statements of schema.sql."""

    take_role: str
    applied_versions: str
    embedding_dimensions: str


class DatabaseRole(StrEnum):
    """The roles that sql/bootstrap.sql creates."""

    OWNER = "eunoe_owner"
    INGEST = "eunoe_ingest"
    RECALL = "eunoe_recall"
    CURATOR = "eunoe_curator"
    JANITOR = "eunoe_janitor"


async def until_reachable(connect: Callable[[], Awaitable[ResultT]], *, wait_seconds: float) -> ResultT:
    """Connect, waiting for a server that is starting.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        StoreUnavailable: If the server did not answer within `wait_seconds`.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
        stop=stop_after_delay(wait_seconds),
        reraise=True,
    )

    async def once() -> ResultT:
        with connecting():
            # A server of another kind may accept the connection and never answer. `wait_for` would lose a connection
            # that is ready when the caller is cancelled.
            async with asyncio.timeout(wait_seconds):
                return await connect()

    try:
        return await attempts(once)
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{error}. Start PostgreSQL, or correct EUNOE_DATABASE_URL") from error


async def poll_lock(try_lock: Callable[[], Awaitable[bool]], *, wait_seconds: float) -> bool:
    """Poll for an advisory lock. Return False if another session holds it for longer than `wait_seconds`.

    A session that waits in pg_advisory_lock holds a snapshot. CREATE INDEX CONCURRENTLY, run by the owner of the lock,
    would wait for that snapshot for ever.
    """
    attempts = AsyncRetrying(
        retry=retry_if_result(lambda locked: not locked),
        wait=wait_random(0.05, 0.3),
        stop=stop_after_delay(wait_seconds),
        retry_error_callback=lambda _: False,
    )

    async def once() -> bool:  # tenacity awaits only coroutine functions; `try_lock` may be any callable
        return await try_lock()

    return await attempts(once)


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Register the vector types with a new connection."""
    try:
        await register_vector(connection)
    except ValueError as error:
        raise ConfigurationError(f"the database is not ready for Eunoe ({error}): run `eunoe migrate up`") from error


async def _skip_reset(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Save the round trip of RESET ALL. Every setting of ours ends with its transaction."""


class Database:
    """A pool of connections. Every statement runs in a transaction with a role."""

    def __init__(self, pool: "Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    async def connect(
        cls, url: str, *, connections: int = 4, statement_cache_size: int = 100, wait_seconds: float = 30.0
    ) -> Self:
        """Open a pool, waiting for a server that is starting.

        Raises:
            ConfigurationError: If the URL or the credentials are wrong, or the extension is not installed.
            StoreUnavailable: If the server did not answer within `wait_seconds`.
        """
        pool = await until_reachable(
            lambda: asyncpg.create_pool(
                url,
                min_size=1,
                max_size=connections,
                statement_cache_size=statement_cache_size,
                command_timeout=_COMMAND_SECONDS,
                init=_prepare,
                reset=_skip_reset,
                server_settings={"application_name": "eunoe"},
            ),
            wait_seconds=wait_seconds,
        )
        return cls(pool)

    @contextlib.asynccontextmanager
    async def transaction(
        self, role: DatabaseRole, *, tenant: UUID | None = None, batch_tenants: Collection[UUID] = ()
    ) -> AsyncGenerator["Connection"]:
        """Open a transaction as `role`. It is committed if the block does not raise.

        Role and tenants are set by set_config(..., true) and end with the transaction. Neither the pool nor pgbouncer
        can pass them on to another transaction.

        Args:
            role: The role of the transaction.
            tenant: The tenant; only its rows can be read.
            batch_tenants: The tenants for which rows can be written.

        Raises:
            RowRefused: If a row can never be stored.
            StoreUnavailable: For every other error.
        """
        batch = ",".join(sorted(map(str, batch_tenants)))
        with wrapped():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(SchemaQueries.take_role, role, str(tenant or ""), batch)
                yield connection

    async def close(self) -> None:
        """Close the pool. Running statements are waited for, but not a server that hangs."""
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
