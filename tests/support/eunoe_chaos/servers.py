"""The two servers of a storm. They can be killed, and restart with the same ports and data."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg
import psutil

from eunoe_consumers.devservers.postgres import EmbeddedPostgres
from eunoe_consumers.devservers.sharing import stop_all
from eunoe_consumers.devservers.valkey import EmbeddedValkey


class DurableValkey(EmbeddedValkey):
    """A Valkey that writes each command to its file before it answers, so that a kill loses no accepted entry."""

    def command(self, port: int) -> list[str]:
        """Return the command line of the server. The last of two equal options counts."""
        return [*super().command(port), "--appendfsync", "always"]


class Servers:
    """Valkey and PostgreSQL of one folder, from entering the block until its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._valkey = DurableValkey(self.folder)
        self._postgres = EmbeddedPostgres(self.folder)
        self._valkey_port = self._postgres_port = 0

    def __enter__(self) -> Self:
        try:
            self._valkey_port = self._valkey.ensure_running(0)
            self._postgres_port = self._postgres.ensure_running(0)
        except BaseException:
            stop_all(self.folder)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop_all(self.folder)

    @property
    def redis_url(self) -> str:
        """The URL of Valkey. It stays the same after a restart."""
        return f"redis://127.0.0.1:{self._valkey_port}/0"

    @property
    def database_url(self) -> str:
        """The URL of PostgreSQL for its superuser."""
        return self._database("eunoe")

    def kill_redis(self) -> None:
        """Kill Valkey with SIGKILL, like a crash."""
        _kill(self._valkey.find())

    def start_redis(self) -> None:
        """Start Valkey again, and return when it has read its append-only file."""
        _check_port(self._valkey_port, self._valkey.ensure_running(self._valkey_port))

    def kill_postgres(self) -> None:
        """Kill every process of PostgreSQL, like a power cut."""
        _kill(self._postgres.find())

    def start_postgres(self) -> None:
        """Start PostgreSQL again, and return when it has replayed its log."""
        _check_port(self._postgres_port, self._postgres.ensure_running(self._postgres_port))

    async def refuse_connections(self, seconds: float) -> None:
        """End every connection to the database, and refuse new ones for some seconds."""
        connection = await asyncpg.connect(self._database("postgres"))
        try:
            await connection.execute("ALTER DATABASE eunoe ALLOW_CONNECTIONS false")
            try:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'eunoe'"
                )
                await asyncio.sleep(seconds)
            finally:
                await connection.execute("ALTER DATABASE eunoe ALLOW_CONNECTIONS true")
        finally:
            await connection.close()

    def _database(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._postgres_port}/{name}"


def processes_naming(folder: Path) -> list[psutil.Process]:
    """Return the processes with this folder in their command line or as working folder: servers that still run."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (
                process.cwd().startswith(str(folder)) or any(str(folder) in part for part in process.cmdline())
            ):
                found.append(process)
        except psutil.Error:  # it has ended, or belongs to another user
            continue
    return found


def _kill(server: psutil.Process | None) -> None:
    if server is None:
        return
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes)


def _check_port(before: int, now: int) -> None:
    if before != now:
        raise OSError(f"the server restarted on port {now} instead of {before}: another program has taken that port")
