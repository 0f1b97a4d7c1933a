"""Several processes share the servers of one data folder: the first starts them, the last stops them."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from eunoe_consumers.devservers.errors import EmbeddedError
from eunoe_consumers.devservers.postgres import EmbeddedPostgres
from eunoe_consumers.devservers.server import READY_SECONDS
from eunoe_consumers.devservers.state import Holder, Ports, load_state, save_state
from eunoe_consumers.devservers.valkey import EmbeddedValkey

# Whoever holds the lock may be starting two servers, each of which may take this long to read its data.
LOCK_SECONDS = 2 * READY_SECONDS + 60.0


def join(folder: Path, *, redis: bool, database: bool) -> Ports:
    """Record this process as a holder of a data folder, and start those of the wanted servers that do not run.

    Raises:
        EmbeddedError: A server did not come up, or the folder cannot be used; this process is then no holder.
        ModuleNotFoundError: A package that carries a wanted server is not installed.
    """
    with _locked(folder):
        try:
            state = load_state(folder).with_holder(Holder.current())
            # Saved before anything starts: if this process is killed meanwhile, the next one finds a dead holder.
            save_state(folder, state)
            ports = state.ports
            if redis:
                ports = ports.model_copy(update={"valkey": EmbeddedValkey(folder).ensure_running(ports.valkey)})
            if database:
                postgres = EmbeddedPostgres(folder)
                ports = ports.model_copy(update={"postgres": postgres.ensure_running(ports.postgres)})
                postgres.ensure_database(ports.postgres)
            save_state(folder, state.model_copy(update={"ports": ports}))
        except OSError as error:
            _leave(folder)
            raise EmbeddedError(f"the embedded servers cannot use the data folder {folder}: {error}") from error
        except BaseException:  # KeyboardInterrupt too: what was started must not outlive the attempt
            _leave(folder)
            raise
    return ports


def leave(folder: Path) -> None:
    """End this process's hold on a data folder, and stop its servers if no living process holds it.

    Raises:
        EmbeddedError: Another process kept the folder locked for too long.
    """
    with _locked(folder):
        _leave(folder)


def stop_all(folder: Path) -> None:
    """Stop whatever server runs in a data folder, whoever holds it, and wait until it has ended."""
    servers = (EmbeddedValkey(folder), EmbeddedPostgres(folder))
    # All are told before any is waited for: they stop side by side, and a second Ctrl-C cuts short the waiting only.
    stopping = [(server, server.request_stop()) for server in servers]
    for server, process in stopping:
        if process is not None:
            server.await_stop(process)


def _leave(folder: Path) -> None:
    state = load_state(folder).without_holder(Holder.current())
    try:
        save_state(folder, state)
    finally:  # a full disk too must not keep the servers from being stopped
        if not state.holders:
            stop_all(folder)


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    try:
        # On leaving too: a folder deleted under its servers must not keep them from being stopped.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(folder / "state.lock", timeout=LOCK_SECONDS)
        lock.acquire()
    except Timeout as error:
        raise EmbeddedError(
            f"another process has been starting or stopping the servers of {folder} for too long"
        ) from error
    except OSError as error:
        raise EmbeddedError(f"the embedded servers cannot use the data folder {folder}: {error}") from error
    try:
        yield
    finally:
        lock.release()
