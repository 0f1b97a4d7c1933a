"""What the rest of Eunoe uses of the embedded servers.

It imports nothing of the extra `embedded`, so that a process given its own servers can import it without that extra.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from eunoe_consumers.devservers.errors import EmbeddedError


@dataclass(frozen=True)
class ServerUrls:
    """Where the embedded servers answer; the URL of a server that was not asked for is empty."""

    redis_url: str
    database_url: str


def default_data_dir() -> Path:
    """Return the data folder of this user's embedded servers.

    As root it is outside /root: PostgreSQL then runs as another system user, and every parent of its data must let
    that user, hence everyone, pass.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/eunoe")
    return platformdirs.user_data_path("eunoe")


@contextmanager
def embedded_servers(data_dir: Path, *, redis: bool = True, database: bool = True) -> Generator[ServerUrls]:
    """Run the servers of a data folder for as long as the context lasts, sharing them with other processes.

    The first process to enter starts them, later ones attach, and the last to leave stops whatever runs in the folder,
    also after an exception, KeyboardInterrupt or SystemExit. No signal handler is installed: turn SIGTERM and SIGHUP
    into an exception, or the servers run on until the next process that uses the folder leaves it.

    Args:
        data_dir: The folder that holds the data and the logs; created where absent.
        redis: Whether Valkey is wanted.
        database: Whether PostgreSQL, with a database `eunoe`, is wanted.

    Yields:
        The URLs of the servers, both answering.

    Raises:
        EmbeddedError: A package is missing, a server did not come up, or the folder cannot be used.
    """
    folder = data_dir.expanduser().resolve()
    try:
        # Not at the top: these need the extra `embedded`, which only those who start servers have.
        from eunoe_consumers.devservers import sharing  # noqa: PLC0415

        ports = sharing.join(folder, redis=redis, database=database)
    except ModuleNotFoundError as missing:
        raise EmbeddedError(
            "install eunoe[embedded] or set EUNOE_REDIS_URL and EUNOE_DATABASE_URL "
            f"(the embedded servers lack the package {missing.name})"
        ) from missing
    try:
        yield ServerUrls(
            redis_url=f"redis://127.0.0.1:{ports.valkey}/0" if redis else "",
            database_url=f"postgresql://postgres@127.0.0.1:{ports.postgres}/eunoe" if database else "",
        )
    finally:
        sharing.leave(folder)
