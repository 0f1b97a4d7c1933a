"""The connection to Redis of all clients: open it, repeat commands during an outage, close it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, Redis
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from eunoe_producers.errors import RedisRefused, RedisUnavailable
from eunoe_schema.cancellation import raise_if_cancelled
from eunoe_schema.errors import EunoeError
from eunoe_schema.redaction import mask_passwords

ResultT = TypeVar("ResultT")

# More concurrent callers than this wait for a free connection; they do not fail.
_CONNECTIONS = 32

# Errors that pass by themselves: the server is away, starting, failing over, or too slow.
_TRANSIENT = (
    redis_errors.ConnectionError,  # includes BusyLoadingError
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,
    redis_errors.TryAgainError,
    OSError,
)
# redis-py derives these from ConnectionError, but a retry does not correct a wrong password.
_PERMANENT = (redis_errors.AuthenticationError, redis_errors.AuthorizationError)


class Client(ABC):
    """A client that closes its connections at the end of an `async with` block."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def open_redis(url: str) -> Redis:
    """Return a client for `url`. It connects with its first command.

    Raises:
        RedisUnavailable: If redis-py does not understand the URL.
    """
    try:
        pool = BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=None)
    except ValueError:  # not kept as the cause, because its text may quote a part of the password
        raise RedisUnavailable(
            f"{mask_passwords(url)} is not a Redis URL: use redis://HOST:PORT/DATABASE and percent-encode special "
            "characters"
        ) from None
    return Redis.from_pool(pool)


async def wait_until_reachable(redis: Redis, *, seconds: float, place: str) -> None:
    """Wait until Redis answers a new client; close the client if it does not.

    Raises:
        RedisUnavailable: If Redis did not answer in that time, or refused the credentials.
    """
    try:
        await retry(partial(redis.echo, "eunoe"), seconds=seconds, place=place)
    except EunoeError:
        await redis.aclose()
        raise


def is_transient(error: BaseException) -> bool:
    """Return whether the same command may succeed later."""
    return isinstance(error, _TRANSIENT) and not isinstance(error, _PERMANENT)


async def retry(call: Callable[[], Awaitable[ResultT]], *, seconds: float, place: str) -> ResultT:
    """Repeat `call` until Redis answers, with exponential back-off and jitter.

    Args:
        call: A command or a script. It must be idempotent, because a lost answer repeats it.
        seconds: How long to retry.
        place: The URL of the server without its password, for error messages.

    Raises:
        RedisUnavailable: If Redis did not answer in that time, or refused the credentials.
        RedisRefused: If Redis refused the command.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential_jitter(multiplier=0.05, max=2.0, jitter=0.05),
        stop=stop_after_delay(seconds),
        reraise=True,
    )

    async def attempt() -> ResultT:  # tenacity awaits only coroutine functions, and `call` may be any callable
        try:
            return await call()
        finally:
            raise_if_cancelled()

    try:
        return await attempts(attempt)
    except _PERMANENT as error:
        raise RedisUnavailable(f"Redis at {place} refused the connection: {error}") from error
    except _TRANSIENT as error:
        raise RedisUnavailable(
            f"Redis at {place} did not answer for {seconds:g} s: {error}. Is it running, and is the URL correct?"
        ) from error
    except redis_errors.RedisError as error:
        raise RedisRefused(f"Redis at {place} refused the command: {error}") from error
