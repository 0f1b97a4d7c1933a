"""Driver errors, wrapped once at the edge: what may pass, and what is the row's own fault."""

import contextlib
from collections.abc import Generator

import asyncpg

from eunoe_consumers.errors import ConfigurationError, PermanentError, TransientError
from eunoe_schema.cancellation import raise_if_cancelled


class StoreUnavailable(TransientError):
    """PostgreSQL is away, overloaded, or not in a state to do what was asked."""


class Deadlocked(StoreUnavailable):
    """PostgreSQL ended one of several transactions that waited for one another; tried again it has its turn."""


class RowRefused(PermanentError):
    """PostgreSQL refuses this row for what it holds."""


class SchemaMismatch(ConfigurationError):
    """The database's schema is not the one that this version was built for."""


# The classes of SQLSTATE that speak of the data: data exception, integrity constraint violation, program limit
# exceeded. Everything else (a missing table, a refused privilege, a full disk) would meet every row alike, and burying
# every row would not help: those stay pending, loudly.
_ROW_CLASSES = ("22", "23", "54")


@contextlib.contextmanager
def wrapped() -> Generator[None]:
    """Turn the driver's errors into ours.

    Raises:
        RowRefused: If the data can never be stored.
        Deadlocked: If others had to come first.
        StoreUnavailable: For everything else.
    """
    try:
        with _driver_errors():
            yield
    finally:
        raise_if_cancelled()


@contextlib.contextmanager
def _driver_errors() -> Generator[None]:
    try:
        yield
    except asyncpg.DeadlockDetectedError as error:
        msg = "PostgreSQL: deadlock detected"  # what it says beside that are process ids
        raise Deadlocked(msg) from error
    except asyncpg.PostgresError as error:
        sqlstate = error.sqlstate or ""
        kind = RowRefused if sqlstate.startswith(_ROW_CLASSES) else StoreUnavailable
        message = " ".join(str(error).split())  # a dead letter's reason is one line; DETAIL and HINT have their own
        raise kind(f"PostgreSQL: {message} (SQLSTATE {sqlstate})") from error
    except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
        if isinstance(error, ValueError):  # how the driver says that it cannot encode an argument
            msg = f"PostgreSQL's driver cannot encode the row: {error}"
            raise RowRefused(msg) from error
        msg = f"PostgreSQL is not reachable: {error or type(error).__name__}"
        raise StoreUnavailable(msg) from error


@contextlib.contextmanager
def connecting() -> Generator[None]:
    """Turn the errors of opening a connection into ours: a wrong URL is told from a server that is away.

    Raises:
        ConfigurationError: If the URL, the credentials or the database's name are wrong.
        StoreUnavailable: If the server cannot be reached.
    """
    with wrapped():
        try:
            yield
        except (
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
            asyncpg.ClientConfigurationError,
        ) as error:
            msg = f"EUNOE_DATABASE_URL: {error}"
            raise ConfigurationError(msg) from error
        except ValueError:  # its text may quote a part of the password, and is no cause to keep
            msg = (
                "EUNOE_DATABASE_URL is not a PostgreSQL URL: use postgresql://USER@HOST:PORT/DATABASE, "
                "special characters percent-encoded"
            )
            raise ConfigurationError(msg) from None
