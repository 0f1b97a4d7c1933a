"""One way to connect to Redis and to outlast its outages, for both clients."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, Redis
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from eunoe_producers.errors import RedisRefused, RedisUnavailable
from eunoe_schema.cancellation import raise_if_cancelled
from eunoe_schema.redaction import mask_passwords

ResultT = TypeVar("ResultT")

_CONNECTIONS = 32  # callers beyond these wait for one, rather than fail

# What passes by itself: the server is away, starting, failing over, or did not answer in time.
_TRANSIENT = (
    redis_errors.ConnectionError,  # BusyLoadingError among them
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,
    redis_errors.TryAgainError,
    OSError,
)
# redis-py files these under ConnectionError, but waiting does not mend a wrong password.
_LASTING = (redis_errors.AuthenticationError, redis_errors.AuthorizationError)


def open_redis(url: str) -> Redis:
    """Return a client for `url`, not yet connected.

    Raises:
        RedisUnavailable: If the URL is not one that redis-py understands.
    """
    try:
        pool = BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=None)
    except ValueError:  # not kept as the cause, because its text may quote a part of the password
        raise RedisUnavailable(
            f"{mask_passwords(url)} is not a Redis URL: use redis://HOST:PORT/DATABASE and percent-encode special "
            "characters"
        ) from None
    return Redis.from_pool(pool)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same command may succeed later."""
    return isinstance(error, _TRANSIENT) and not isinstance(error, _LASTING)


async def outlast(call: Callable[[], Awaitable[ResultT]], *, seconds: float, place: str) -> ResultT:
    """Call until Redis answers: exponential back-off with jitter, for at most `seconds`.

    Args:
        call: What to do; repeated, so it must be idempotent.
        seconds: For how long to retry.
        place: The server's URL without its password, for the message.

    Raises:
        RedisUnavailable: If Redis did not answer in that time, or refused the credentials.
        RedisRefused: If Redis refused the command, for want of memory or of a permission, say.
    """
    attempts = AsyncRetrying(
        retry=retry_if_exception(is_transient),
        wait=wait_exponential_jitter(multiplier=0.05, max=2.0, jitter=0.05),
        stop=stop_after_delay(seconds),
        reraise=True,
    )

    async def again() -> ResultT:  # tenacity awaits coroutine functions only, and `call` may be any callable
        try:
            return await call()
        finally:
            raise_if_cancelled()

    try:
        return await attempts(again)
    except _LASTING as error:
        msg = f"Redis at {place} refused the connection: {error}"
        raise RedisUnavailable(msg) from error
    except _TRANSIENT as error:
        msg = f"Redis at {place} did not answer for {seconds:g} s: {error}. Is it running, and is that its URL?"
        raise RedisUnavailable(msg) from error
    except redis_errors.RedisError as error:
        msg = f"Redis at {place} refused the command: {error}"
        raise RedisRefused(msg) from error
