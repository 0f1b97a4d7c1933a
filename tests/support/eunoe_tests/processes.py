"""The real command line in processes of its own, to be watched, stopped and killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from eunoe_consumers.processes.supervisor import role_environment
from eunoe_consumers.settings import Settings
from eunoe_tests.waiting import wait_until

# A command that has not ended by then hangs: it takes a second on a machine that is busy with other tests.
_END_SECONDS = 60.0


class Process(Protocol):
    """A running command: `subprocess.Popen`, or a process that the fork server started."""

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send a signal."""
        ...

    def kill(self) -> None:
        """Kill it."""
        ...


class Launcher(Protocol):
    """Starts commands."""

    @property
    def pid(self) -> int:
        """The process that is the parent of the commands."""
        ...

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path) -> Process:
        """Start a command; it appends its output to the log file."""
        ...


class Spawner:
    """Starts each command as an operator does: a new interpreter that imports everything."""

    pid = os.getpid()

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path) -> Process:
        """Start a command; it appends its output to the log file."""
        with log_file.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "eunoe_consumers", *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the test run, which stops its commands
            )


class Cli:
    """One run of the command line."""

    def __init__(self, process: Process, log_file: Path) -> None:
        self.process = process
        self.log_file = log_file

    @property
    def log(self) -> str:
        """The output so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""

    async def wait_for(self, text: str) -> None:
        """Wait until the output contains `text`; fail if the process ends before."""

        async def written() -> bool:
            if text in self.log:
                return True
            code = self.process.poll()
            assert code is None, f"ended with {code} before {text!r}:\n{self.log}"
            return False

        await wait_until(written, seconds=60, what=f"{text!r} in the output")

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as an operator would; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_END_SECONDS)


class Clis:
    """Starts runs of the command line, and leaves none behind."""

    def __init__(self, folder: Path, settings: Settings, launcher: Launcher) -> None:
        self._folder = folder
        self._settings = settings
        self._launcher = launcher
        self._started: list[Cli] = []

    def start(self, *arguments: str, **changes: object) -> Cli:
        """Start a command; `changes` are settings that differ from the test's."""
        settings = self._settings.model_copy(update=changes)
        log_file = self._folder / f"cli-{len(self._started)}.log"
        cli = Cli(self._launcher.launch(arguments, role_environment(settings), log_file), log_file)
        self._started.append(cli)
        return cli

    async def consume(self, *roles: str, **changes: object) -> Cli:
        """Start a consumer and wait until it consumes."""
        cli = self.start("consume", *roles, **changes)
        await cli.wait_for("consuming")
        return cli

    def run(self, *arguments: str, **changes: object) -> tuple[int, str]:
        """Run a command to its end; return exit code and output."""
        cli = self.start(*arguments, **changes)
        code = cli.process.wait(_END_SECONDS)
        return code, cli.log

    def kill_all(self) -> None:
        """Kill what still runs."""
        for cli in self._started:
            if cli.process.poll() is None:
                cli.kill()


@contextmanager
def command_lines(folder: Path, settings: Settings, launcher: Launcher) -> Generator[Clis]:
    """Yield a starter of commands that leaves no process behind."""
    clis = Clis(folder, settings, launcher)
    try:
        yield clis
    finally:
        clis.kill_all()
