"""Classify the errors of PostgreSQL: can the same row be stored later, or never?"""

import contextlib
from collections.abc import Generator

import asyncpg

from eunoe_consumers.errors import ConfigurationError, PermanentError, TransientError
from eunoe_schema.cancellation import raise_if_cancelled


class StoreUnavailable(TransientError):
    """PostgreSQL is away, overloaded, or cannot execute the statement in its present state."""


class Deadlocked(StoreUnavailable):
    """PostgreSQL ended this transaction to break a deadlock. It can be tried again at once."""


class RowRefused(PermanentError):
    """PostgreSQL refuses this row because of its values."""


class SchemaMismatch(ConfigurationError):
    """The database has another schema than this version needs."""


# The classes of SQLSTATE about the data: data exception, integrity constraint violation, program limit exceeded. Every
# other error (a missing table, a refused privilege, a full disk) would meet all rows alike. Dead-lettering them all
# would not help, so their entries stay pending, and the log says why.
_ROW_CLASSES = ("22", "23", "54")

# The server is starting, stopping or crashing, or the connection to it broke.
_AWAY_CLASSES = ("57P", "08")


@contextlib.contextmanager
def wrapped() -> Generator[None]:
    """Turn the driver's errors into ours.

    Raises:
        RowRefused: If the data can never be stored.
        Deadlocked: If PostgreSQL broke a deadlock.
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
        raise Deadlocked("PostgreSQL: deadlock detected") from error  # its own text only adds process ids
    except asyncpg.PostgresError as error:
        sqlstate = error.sqlstate or ""
        if sqlstate.startswith(_AWAY_CLASSES):
            raise StoreUnavailable(f"PostgreSQL is not reachable: {str(error) or type(error).__name__}") from error
        kind = RowRefused if sqlstate.startswith(_ROW_CLASSES) else StoreUnavailable
        message = " ".join(str(error).split())  # the reason of a dead letter is one line, without DETAIL and HINT
        raise kind(f"PostgreSQL: {message} (SQLSTATE {sqlstate})") from error
    except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
        if isinstance(error, ValueError):  # the driver cannot encode an argument
            raise RowRefused(f"PostgreSQL's driver cannot encode the row: {error}") from error
        raise StoreUnavailable(f"PostgreSQL is not reachable: {str(error) or type(error).__name__}") from error


@contextlib.contextmanager
def connecting() -> Generator[None]:
    """Turn the errors of opening a connection into ours. A wrong URL differs from a server that is away.

    Raises:
        ConfigurationError: If the URL, the credentials or the database's name are wrong.
        StoreUnavailable: If the server cannot be reached.
    """
    with wrapped():
        try:
            yield
        except asyncpg.InvalidCatalogNameError as error:
            raise ConfigurationError(f"EUNOE_DATABASE_URL: {error}: create it, or correct the URL") from error
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise ConfigurationError(f"EUNOE_DATABASE_URL: {error}: correct the user or the password") from error
        except asyncpg.ClientConfigurationError as error:
            raise ConfigurationError(f"EUNOE_DATABASE_URL: {error}") from error
        except ValueError:  # `from None`: its text may quote a part of the password
            raise ConfigurationError(
                "EUNOE_DATABASE_URL is not a PostgreSQL URL: use postgresql://USER@HOST:PORT/DATABASE, "
                "special characters percent-encoded"
            ) from None
