"""What `eunoe health` advises about a server that cannot be used."""

import pytest

from eunoe_consumers.cli.health_checks import remedy
from eunoe_consumers.delivery.redis_client import RedisNotReady
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_schema.errors import EunoeError

REDIS, POSTGRES = ("Redis", "EUNOE_REDIS_URL"), ("PostgreSQL", "EUNOE_DATABASE_URL")


@pytest.mark.parametrize(
    ("error", "server", "advice"),
    [
        (RedisNotReady("Redis: MISCONF Errors writing to the AOF file: No space left on device"), REDIS, "free space"),
        (RedisNotReady("Redis: MISCONF Errors writing to the AOF file: Input/output error"), REDIS, "its disk"),
        (RedisNotReady("Redis: OOM command not allowed when used memory > 'maxmemory'."), REDIS, "free memory"),
        (RedisNotReady("Redis is not reachable: Redis is loading the dataset in memory"), REDIS, "wait: Redis"),
        (RedisNotReady("Redis: READONLY You can't write against a read only replica."), REDIS, "the primary server"),
        (RedisNotReady("Redis is not reachable: max number of clients reached"), REDIS, "maxclients"),
        (
            RedisNotReady("Redis is not reachable: Error 111 connecting"),
            REDIS,
            "start Redis, or correct",
        ),
        (RedisNotReady("Redis: ERR unknown"), REDIS, "Redis runs, but refuses"),
        (ConfigurationError("EUNOE_REDIS_URL: Redis refused the credentials"), REDIS, "correct EUNOE_REDIS_URL ("),
        (StoreUnavailable("PostgreSQL: could not extend file: No space left on device"), POSTGRES, "free space"),
        (StoreUnavailable("PostgreSQL: sorry, too many clients already (SQLSTATE 53300)"), POSTGRES, "no free conn"),
        (StoreUnavailable("PostgreSQL is not reachable: the database system is starting up"), POSTGRES, "wait: Post"),
        (
            StoreUnavailable("PostgreSQL is not reachable: [Errno 111] Connect failed"),
            POSTGRES,
            "start PostgreSQL",
        ),
    ],
)
def test_the_advice_fits_the_fault(error: EunoeError, server: tuple[str, str], advice: str) -> None:
    """A server that answers is not started again: its disk, its memory or its settings are at fault."""
    found = remedy(error, *server)
    assert advice in found
    assert ("start " in found) == ("start " in advice)
