"""Redis for the consumers: how to connect, and what its errors mean for an entry."""

import contextlib
from collections.abc import Generator

from redis import exceptions as redis_errors
from redis.asyncio import Redis
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from eunoe_consumers.errors import ConfigurationError, PermanentError, TransientError
from eunoe_schema.cancellation import raise_if_cancelled


class RedisNotReady(TransientError):
    """Redis is away, overloaded, or not in a state to do what was asked."""


class WrongKeyType(PermanentError):
    """A key that Eunoe needs holds something else."""


@contextlib.contextmanager
def redis_wrapped() -> Generator[None]:
    """Turn redis-py's errors into ours.

    Only a key of the wrong type is an entry's own misfortune. Everything else (memory full, read-only replica, a
    refused command) meets every entry alike: those stay pending, loudly.

    Raises:
        WrongKeyType: If a key holds another type than it should.
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
        if "WRONGTYPE" in str(error):
            msg = f"Redis: {error}"
            raise WrongKeyType(msg) from error
        msg = f"Redis: {error}"
        raise RedisNotReady(msg) from error
    except (redis_errors.RedisError, OSError) as error:
        msg = f"Redis is not reachable: {error or type(error).__name__}"
        raise RedisNotReady(msg) from error


async def connect_redis(url: str, *, wait_seconds: float) -> Redis:
    """Connect, waiting for a server that is starting.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        RedisNotReady: If it did not answer in `wait_seconds`.
    """
    try:
        redis = Redis.from_url(url)
    except ValueError:  # its text may quote a part of the password, and is no cause to keep
        msg = "EUNOE_REDIS_URL is not a Redis URL: use redis://HOST:PORT/DATABASE, special characters percent-encoded"
        raise ConfigurationError(msg) from None
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
                    msg = f"EUNOE_REDIS_URL: Redis refused the credentials: {error}"
                    raise ConfigurationError(msg) from error
    except BaseException:  # a cancellation too: nobody else has this client to close it
        await redis.aclose()
        raise
    return redis
