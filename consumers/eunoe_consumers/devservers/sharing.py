"""Share the servers of a data folder between processes: the first process starts them, the last one stops them.

A state file lists the holders, which are the processes that use the servers. A lock file guards it.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Self

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eunoe_consumers.devservers.embedded import EmbeddedError
from eunoe_consumers.devservers.postgres import EmbeddedPostgres
from eunoe_consumers.devservers.server import READY_SECONDS, EmbeddedServer
from eunoe_consumers.devservers.valkey import EmbeddedValkey

# The owner of the lock may be starting two servers, each of which may take this long to read its data.
LOCK_SECONDS = 2 * READY_SECONDS + 60.0
# Linux rounds the time of boot to whole seconds, so two readings of the same start may differ by one.
_SAME_START_SECONDS = 1.5
_FILE_NAME = "state.json"


class Holder(BaseModel):
    """A process that uses the servers. Its start time distinguishes it from a later process with the same id."""

    model_config = ConfigDict(frozen=True)

    pid: int = Field(gt=0)
    started_seconds: float

    @classmethod
    def of(cls, process: psutil.Process) -> Self:
        """Return a process as a holder.

        On Linux the start is counted from the time of boot. psutil's absolute time would move whenever the clock is
        set (a suspended laptop, WSL), and a living holder would seem dead.
        """
        boot_seconds = psutil.boot_time() if psutil.LINUX else 0.0
        return cls(pid=process.pid, started_seconds=process.create_time() - boot_seconds)

    def is_same(self, other: "Holder") -> bool:
        """Return whether both are the same process."""
        return self.pid == other.pid and abs(self.started_seconds - other.started_seconds) < _SAME_START_SECONDS

    def is_alive(self) -> bool:
        """Return whether the process runs. A zombie does not: it was killed and not yet reaped."""
        try:
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and self.is_same(Holder.of(process))
        except psutil.NoSuchProcess:
            return False


class ServerState(BaseModel):
    """The content of the state file. A process that entered twice is listed twice.

    Attributes:
        holders: The processes that use the servers.
        ports: The last port of each server, which its next start takes again if it is free.
    """

    holders: list[Holder] = []
    ports: dict[str, Annotated[int, Field(ge=0, le=65535)]] = {}


def load_state(folder: Path) -> ServerState:
    """Read the state file, without dead holders. An absent or unreadable file is an empty state.

    An empty state loses only the holders and the last ports: running servers are found by their processes.
    """
    try:
        state = ServerState.model_validate_json((folder / _FILE_NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        return ServerState()
    state.holders = [holder for holder in state.holders if holder.is_alive()]
    return state


def save_state(folder: Path, state: ServerState) -> None:
    """Replace the state file in one step, so that a crash leaves the old file or the new one."""
    temporary = folder / f"{_FILE_NAME}.new"
    temporary.write_text(state.model_dump_json(), encoding="utf-8")
    temporary.replace(folder / _FILE_NAME)


def join(folder: Path, *, redis: bool, database: bool) -> Mapping[str, int]:
    """Record this process as a holder, start the requested servers that do not run, and return their ports by name.

    Raises:
        EmbeddedError: If a server did not start, or the folder cannot be used. Then this process is no holder.
        ModuleNotFoundError: If the package of a requested server is not installed.
    """
    servers: list[EmbeddedServer] = [EmbeddedValkey(folder)] if redis else []
    servers += [EmbeddedPostgres(folder)] if database else []
    with _locked(folder):
        try:
            state = load_state(folder)
            state.holders.append(Holder.of(psutil.Process()))
            # Saved before the servers start: if this process is killed meanwhile, the next one finds a dead holder.
            save_state(folder, state)
            for server in servers:
                state.ports[server.name] = server.ensure_running(state.ports.get(server.name, 0))
            save_state(folder, state)
        except BaseException as error:  # KeyboardInterrupt too: a started server must not outlive the attempt
            _leave(folder)
            if isinstance(error, OSError):
                raise EmbeddedError(_unusable(folder, error)) from error
            raise
    return state.ports


def start_again(folder: Path, server: EmbeddedServer) -> psutil.Process:
    """Start a server that has ended, on its last port, or find it if another process was faster. Return its process.

    Raises:
        EmbeddedError: If it did not start, or another program has taken its port.
    """
    with _locked(folder):
        wanted = load_state(folder).ports.get(server.name, 0)
        try:
            port = server.ensure_running(wanted)
        except OSError as error:
            raise EmbeddedError(_unusable(folder, error)) from error
        process = server.find()
    if process is None:
        raise EmbeddedError(f"{server.label} ended right after its start; {server.log_end()}")
    if port != wanted:
        raise EmbeddedError(f"another program has taken port {wanted} of {server.label}: start Eunoe again")
    return process


def leave(folder: Path) -> None:
    """Remove this process from the holders, and stop the servers if it was the last one.

    Raises:
        EmbeddedError: If another process kept the folder locked for too long.
    """
    with _locked(folder):
        _leave(folder)


def stop_all(folder: Path) -> None:
    """Stop every server of a data folder, also with living holders, and wait for the end of each."""
    servers = (EmbeddedValkey(folder), EmbeddedPostgres(folder))
    # Signal all servers before waiting for one: they stop at the same time, and a second Ctrl-C only cuts the wait.
    stopping = [(server, server.request_stop()) for server in servers]
    for server, process in stopping:
        if process is not None:
            server.await_stop(process)


def _leave(folder: Path) -> None:
    state, this = load_state(folder), Holder.of(psutil.Process())
    entries = [number for number, holder in enumerate(state.holders) if holder.is_same(this)]
    if entries:
        del state.holders[entries[0]]
    try:
        save_state(folder, state)
    finally:  # also if the disk is full
        if not state.holders:
            stop_all(folder)


def _unusable(folder: Path, error: OSError) -> str:
    return (
        f"the embedded servers cannot use the data folder {folder} ({error.strerror or error}): make it writable, or "
        "set EUNOE_DATA_DIR to another folder"
    )


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    try:
        # Also on leaving: the servers must be stopped even if their folder was deleted.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / "state.lock", timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise EmbeddedError(
            f"another process has been starting or stopping the servers of {folder} for too long"
        ) from error
    except OSError as error:
        raise EmbeddedError(_unusable(folder, error)) from error
    try:
        yield
    finally:
        lock.release()
