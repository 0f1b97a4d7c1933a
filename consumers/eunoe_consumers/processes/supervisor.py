"""Run each role in its own process, and start and stop them together: for `eunoe up` and `eunoe demo`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.settings import Settings
from eunoe_schema.errors import EunoeError

_RESTART_SECONDS = 1.0


class RoleFailed(EunoeError):
    """The process of a role ended unexpectedly."""


@dataclass
class _Running:
    """The process of a role, and when it was started, by the monotonic clock."""

    role: ProcessRole
    process: subprocess.Popen[bytes]
    started: float


class RoleProcesses:
    """Runs `eunoe consume ROLE` for each named role, and leaves no process behind."""

    def __init__(self, settings: Settings, roles: Sequence[ProcessRole], *, log_file: Path | None = None) -> None:
        self._environment = role_environment(settings)
        self._grace_seconds = settings.shutdown_seconds + 5
        self._roles = roles
        self._log_file = log_file
        self._log: IO[bytes] | None = None
        self._running: list[_Running] = []

    def __enter__(self) -> Self:
        try:
            if self._log_file is not None:
                self._log = self._log_file.open("ab")
            for role in self._roles:
                self._running.append(self._start(role))
        except BaseException:  # also Ctrl-C between two starts: without this, the started processes would run on
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def check(self) -> None:
        """Raise if the process of a role has ended.

        Raises:
            RoleFailed: With the role, the exit code and the place of the log.
        """
        for running in self._running:
            if running.process.poll() is not None:
                place = f"; its log is {self._log_file}" if self._log_file else ""
                raise RoleFailed(
                    f"the process of role {running.role} ended with exit code {running.process.returncode}{place}"
                )

    def restart_ended(self) -> list[ProcessRole]:
        """Start ended processes again, each at most once a second. Return their roles."""
        restarted: list[ProcessRole] = []
        for index, running in enumerate(self._running):
            if running.process.poll() is not None and time.monotonic() - running.started > _RESTART_SECONDS:
                self._running[index] = self._start(running.role)
                restarted.append(running.role)
        return restarted

    def _start(self, role: ProcessRole) -> _Running:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", "eunoe_consumers", "consume", role, "--supervisor", str(os.getpid())],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT if self._log else None,
            # Ctrl-C in the terminal must reach only the supervisor, which stops the roles before the servers.
            start_new_session=True,
        )
        return _Running(role, process, time.monotonic())

    def _stop(self) -> None:
        """Terminate all processes at once, and kill those that are still alive after the grace time."""
        for running in self._running:
            running.process.terminate()
        ends = time.monotonic() + self._grace_seconds
        for running in self._running:
            try:
                running.process.wait(max(0.0, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
        if self._log is not None:
            self._log.close()


def role_environment(settings: Settings) -> Mapping[str, str]:
    """Return the environment variables that give a child process exactly these settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("EUNOE_")}
    given = settings.model_dump(mode="json", exclude_none=True)
    texts = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()}
    return inherited | {f"EUNOE_{name.upper()}": text for name, text in texts.items()}
