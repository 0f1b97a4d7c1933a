"""One embedded server: attach to it or start it, wait until it answers, stop it."""

import time
from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals
from typing import ClassVar

import psutil

from eunoe_consumers.devservers.embedded import EmbeddedError
from eunoe_consumers.devservers.process import (
    await_end,
    choose_port,
    find_process,
    is_alive,
    log_tail,
    send_signal,
    spawn,
)

# After a crash a server reads its journal before it answers. Gigabytes are read in this time.
READY_SECONDS = 120.0

_POLL_SECONDS = 0.01


class EmbeddedServer(ABC):
    """A server of a data folder. It is found by the folder it works in, whichever process started it."""

    name: ClassVar[str]
    label: ClassVar[str]
    program: ClassVar[str]
    port_option: ClassVar[str]
    stop_signal: ClassVar[Signals]
    stop_seconds: ClassVar[float]

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / self.name
        self.log = data_dir / f"{self.name}.log"
        self.user: str | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Prepare the folder for a start.

        Raises:
            EmbeddedError: If the folder cannot be prepared.
            ModuleNotFoundError: If the package of the server is not installed.
        """

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """Return the command line of the server. It names the folder, by which `find` recognizes the process."""

    @abstractmethod
    def is_ready(self, process: psutil.Process, port: int) -> bool:
        """Return whether this process, and no other, answers on this port."""

    def is_stopping(self) -> bool:
        """Return whether the server refuses new connections because it was asked to stop."""
        return False

    def log_end(self) -> str:
        """Return the path of the server's log and its last lines, for an error message."""
        return log_tail(self.log)

    def find(self) -> psutil.Process | None:
        """Return the process of the server if it runs."""
        return find_process(self.program, self.folder)

    def ensure_running(self, preferred_port: int) -> int:
        """Attach to the running server, or start it. Return its port once it answers.

        Args:
            preferred_port: The port for a start if it is free; 0 for any port.

        Raises:
            EmbeddedError: If the server did not start. The message ends with its log.
            ModuleNotFoundError: If the package of the server is not installed.
        """
        running = self.find()
        if running is not None and self.is_stopping():
            # It may wait for its connections for ever. No connection of the next server is lost by this.
            send_signal(running, self.stop_signal)
            self.await_stop(running)
        elif running is not None:
            port = _option(running, self.port_option)
            # A server that is just stopping ends instead of answering. Then a new one is started.
            if port is not None and self._wait_until_ready(running, port):
                return port
        return self._start(preferred_port)

    def request_stop(self) -> psutil.Process | None:
        """Send the stop signal. Return the process if the server runs."""
        process = self.find()
        if process is not None:
            send_signal(process, self.stop_signal)
        return process

    def await_stop(self, process: psutil.Process) -> None:
        """Wait until the server has stopped. Kill it if it takes too long."""
        await_end(process, seconds=self.stop_seconds)

    def _start(self, preferred_port: int) -> int:
        self.prepare()
        port = choose_port(preferred_port)
        process = spawn(self.command(port), folder=self.folder, log=self.log, user=self.user)
        try:
            if self._wait_until_ready(process, port):
                return port
        except EmbeddedError:
            # Other processes may hold the folder. The next holder must not find a server that does not answer.
            send_signal(process, self.stop_signal)
            self.await_stop(process)
            raise
        place = f"{self.folder} (EUNOE_DATA_DIR)"
        raise EmbeddedError(f"{self.program} ended while it was starting in {place}; {self.log_end()}")

    def _wait_until_ready(self, process: psutil.Process, port: int) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready(process, port):
            if not is_alive(process):
                return False
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.program} did not answer in {READY_SECONDS:.0f} s; {self.log_end()}")
            time.sleep(_POLL_SECONDS)
        return True


def _option(process: psutil.Process, name: str) -> int | None:
    try:
        arguments = process.cmdline()
        return int(arguments[arguments.index(name) + 1])
    except (psutil.NoSuchProcess, ValueError):
        return None
