"""The real command line in subprocesses, to be watched, stopped and killed."""

import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eunoe_consumers.processes.supervisor import role_environment
from eunoe_consumers.settings import Settings
from eunoe_tests.waiting import wait_until

_END_SECONDS = 30.0


class Cli:
    """One run of the command line, its output in a file."""

    def __init__(self, arguments: Sequence[str], settings: Settings, log_file: Path) -> None:
        self.log_file = log_file
        with log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "eunoe_consumers", *arguments],
                env=dict(role_environment(settings)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    async def wait_for(self, text: str) -> None:
        """Wait until it has written `text`; an end before that is a failure."""

        async def written() -> bool:
            if text in self.log:
                return True
            assert self.process.poll() is None, f"ended with {self.process.returncode} before {text!r}:\n{self.log}"
            return False

        await wait_until(written, what=f"{text!r} in the output")

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

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._started: list[Cli] = []

    def start(self, *arguments: str, **changes: object) -> Cli:
        """Start a command; `changes` are settings that differ from the test's."""
        settings = self._settings.model_copy(update=changes)
        cli = Cli(arguments, settings, self._folder / f"cli-{len(self._started)}.log")
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
def command_lines(folder: Path, settings: Settings) -> Generator[Clis]:
    """Yield a starter of commands."""
    clis = Clis(folder, settings)
    try:
        yield clis
    finally:
        clis.kill_all()
