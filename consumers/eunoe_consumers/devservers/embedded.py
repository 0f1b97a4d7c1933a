"""Run the embedded servers of a data folder during a block.

This module imports nothing of the extra `embedded`, so that a process with its own servers works without that extra.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from eunoe_schema.errors import EunoeError


class EmbeddedError(EunoeError):
    """An embedded server could not be started or reached."""


@dataclass(frozen=True)
class ServerUrls:
    """The URLs of the embedded servers. The URL of a server that was not requested is empty."""

    redis_url: str
    database_url: str


def default_data_dir() -> Path:
    """Return the data folder of this user's embedded servers.

    For root it lies outside /root. PostgreSQL then runs as another system user, who must be able to enter every parent
    folder of its data.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/eunoe")
    return platformdirs.user_data_path("eunoe")


@contextmanager
def embedded_servers(data_dir: Path, *, redis: bool = True, database: bool = True) -> Generator[ServerUrls]:
    """Run the servers of a data folder during the block, and share them with other processes.

    The first process starts the servers, later ones attach, and the last one stops them, also after an exception,
    KeyboardInterrupt or SystemExit. No signal handler is installed. The caller must turn SIGTERM and SIGHUP into an
    exception; otherwise the servers keep running until the next process that uses the folder leaves it.

    Args:
        data_dir: The folder of the data and the logs. It is created if it is absent.
        redis: Whether to run Valkey.
        database: Whether to run PostgreSQL with a database `eunoe`.

    Yields:
        The URLs. Both servers answer.

    Raises:
        EmbeddedError: If a package is missing, a server does not start, or the folder cannot be used.
    """
    folder = data_dir.expanduser().resolve()
    try:
        from eunoe_consumers.devservers import sharing  # noqa: PLC0415 - needs the extra `embedded`

        ports = sharing.join(folder, redis=redis, database=database)
    except ModuleNotFoundError as missing:
        raise EmbeddedError(
            "install eunoe[embedded] or set EUNOE_REDIS_URL and EUNOE_DATABASE_URL "
            f"(the embedded servers need the missing package {missing.name})"
        ) from missing
    try:
        yield ServerUrls(
            redis_url=f"redis://127.0.0.1:{ports['valkey']}/0" if redis else "",
            database_url=f"postgresql://postgres@127.0.0.1:{ports['postgres']}/eunoe" if database else "",
        )
    finally:
        sharing.leave(folder)
