"""What the two embedded servers have in common: attach or start, wait until it answers, stop."""

import time
from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals
from typing import ClassVar

import psutil

from eunoe_consumers.devservers.errors import EmbeddedError
from eunoe_consumers.devservers.process import (
    await_end,
    choose_port,
    find_process,
    is_alive,
    log_tail,
    send_signal,
    spawn,
)

# A server that was killed reads its journal before it answers; gigabytes of it pass in this time.
READY_SECONDS = 120.0

_POLL_SECONDS = 0.01


class EmbeddedServer(ABC):
    """One server of a data folder, found by the folder it works in whichever process started it."""

    program: ClassVar[str]
    port_option: ClassVar[str]
    stop_signal: ClassVar[Signals]
    stop_seconds: ClassVar[float]

    def __init__(self, data_dir: Path, name: str) -> None:
        self.folder = data_dir / name
        self.log = data_dir / f"{name}.log"
        self.user: str | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make the folder ready for a start.

        Raises:
            EmbeddedError: The folder cannot be made ready.
            ModuleNotFoundError: The package that carries the server is not installed.
        """

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """Return the command line of the server; it names the folder, by which `find` knows the process."""

    @abstractmethod
    def is_ready(self, process: psutil.Process, port: int) -> bool:
        """Tell whether this very process answers on this port."""

    def find(self) -> psutil.Process | None:
        """Return the server's process if it runs."""
        return find_process(self.program, self.folder)

    def ensure_running(self, preferred_port: int) -> int:
        """Attach to the server if it runs, start it otherwise, and return its port once it answers.

        Args:
            preferred_port: The port to start on if it is free; 0 for any.

        Raises:
            EmbeddedError: It did not come up; the message ends with its log.
            ModuleNotFoundError: The package that carries the server is not installed.
        """
        running = self.find()
        if running is not None:
            port = _option(running, self.port_option)
            # A server that was already stopping ends here instead of answering, and a new one takes its place.
            if port is not None and self._wait_until_ready(running, port):
                return port
        return self._start(preferred_port)

    def request_stop(self) -> psutil.Process | None:
        """Tell the server to stop, and return its process if it runs."""
        process = self.find()
        if process is not None:
            send_signal(process, self.stop_signal)
        return process

    def await_stop(self, process: psutil.Process) -> None:
        """Wait until the server has stopped, and kill it if it takes too long."""
        await_end(process, seconds=self.stop_seconds)

    def _start(self, preferred_port: int) -> int:
        self.prepare()
        port = choose_port(preferred_port)
        process = spawn(self.command(port), folder=self.folder, log=self.log, user=self.user)
        try:
            if self._wait_until_ready(process, port):
                return port
        except EmbeddedError:
            # Other holders may keep the folder: what does not answer must not be found by the next to enter.
            send_signal(process, self.stop_signal)
            self.await_stop(process)
            raise
        raise EmbeddedError(f"{self.program} ended while it was starting; {log_tail(self.log)}")

    def _wait_until_ready(self, process: psutil.Process, port: int) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready(process, port):
            if not is_alive(process):
                return False
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.program} did not answer in {READY_SECONDS:.0f} s; {log_tail(self.log)}")
            time.sleep(_POLL_SECONDS)
        return True


def _option(process: psutil.Process, name: str) -> int | None:
    try:
        arguments = process.cmdline()
        return int(arguments[arguments.index(name) + 1])
    except (psutil.NoSuchProcess, ValueError):
        return None
