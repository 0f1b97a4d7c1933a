"""Connect the consumers to Redis, and classify its errors: can the same entry succeed later, or never?"""

import contextlib
from collections.abc import Generator

from redis import exceptions as redis_errors
from redis.asyncio import Redis
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from eunoe_consumers.errors import ConfigurationError, PermanentError, TransientError
from eunoe_schema.cancellation import raise_if_cancelled


class RedisNotReady(TransientError):
    """Redis is away, overloaded, or cannot execute the command in its present state."""


class WrongKeyType(PermanentError):
    """A key of Eunoe holds another type of value."""


@contextlib.contextmanager
def redis_wrapped() -> Generator[None]:
    """Turn redis-py's errors into ours.

    Only a key of the wrong type is the fault of an entry. Every other error (memory full, read-only replica, refused
    command) would meet all entries alike. Those entries stay pending, and the log says why.

    Raises:
        WrongKeyType: If a key holds another type of value.
        RedisNotReady: For everything else.
    """
    try:
        with _redis_errors():
            yield
    finally:
        raise_if_cancelled()


@contextlib.contextmanager
def _redis_errors() -> Generator[None]:
    try:
        yield
    except redis_errors.ResponseError as error:
        kind = WrongKeyType if "WRONGTYPE" in str(error) else RedisNotReady
        raise kind(f"Redis: {error}") from error
    except (redis_errors.RedisError, OSError) as error:
        raise RedisNotReady(f"Redis is not reachable: {str(error) or type(error).__name__}") from error


async def connect_redis(url: str, *, wait_seconds: float) -> Redis:
    """Connect, waiting for a server that is starting.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        RedisNotReady: If the server did not answer within `wait_seconds`.
    """
    try:
        redis = Redis.from_url(url)
    except ValueError:  # `from None`: its text may quote a part of the password
        raise ConfigurationError(
            "EUNOE_REDIS_URL is not a Redis URL: use redis://HOST:PORT/DATABASE, special characters percent-encoded"
        ) from None
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(RedisNotReady),
        wait=wait_exponential_jitter(multiplier=0.1, max=2.0, jitter=0.1),
        stop=stop_after_delay(wait_seconds),
        reraise=True,
    )
    try:
        async for attempt in attempts:
            with attempt, redis_wrapped():
                try:
                    await redis.execute_command("PING")
                except (redis_errors.AuthenticationError, redis_errors.AuthorizationError) as error:
                    raise ConfigurationError(f"EUNOE_REDIS_URL: Redis refused the credentials: {error}") from error
                except redis_errors.ResponseError as error:
                    if "DB index" not in str(error):
                        raise
                    raise ConfigurationError(f"EUNOE_REDIS_URL names a database that Redis lacks: {error}") from error
    except RedisNotReady as error:
        await redis.aclose()
        if isinstance(error.__cause__, redis_errors.ResponseError):
            raise
        raise RedisNotReady(f"{str(error).rstrip('.')}. Start Redis, or correct EUNOE_REDIS_URL") from error
    except BaseException:  # a cancellation too: the caller has no client yet that it could close
        await redis.aclose()
        raise
    return redis
