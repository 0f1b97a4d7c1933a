"""Run each role in its own process, and start and stop them together: for `eunoe up` and `eunoe demo`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from eunoe_consumers.errors import MISCONFIGURED, ConfigurationError
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.settings import Settings
from eunoe_schema.errors import EunoeError

_REPORT_BYTES = 4096
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


class RoleFailed(EunoeError):
    """The process of a role ended unexpectedly."""


@dataclass
class Backoff:
    """Decides when an ended process is started again: ever later, as long as each start fails.

    Attributes:
        failures: How many processes in a row ended soon after their start.
        reason: Why the last process ended.
    """

    failures: int = 0
    reason: str = ""

    def ended(self, reason: str, *, ran_seconds: float) -> tuple[float, bool]:
        """Record the end of a process. Return the pause before the next start, and whether the end is news."""
        if ran_seconds >= _LONGEST_PAUSE_SECONDS:
            self.failures, self.reason = 0, ""
        pause = max(0.0, min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**self.failures) - ran_seconds)
        news = reason != self.reason
        self.failures, self.reason = self.failures + 1, reason
        return pause, news


@dataclass
class _Running:
    """The process of a role. Times are of the monotonic clock; `next_start` is set once the process has ended."""

    role: ProcessRole
    process: subprocess.Popen[bytes]
    started: float
    report: IO[bytes]
    backoff: Backoff
    next_start: float | None = None


class RoleProcesses:
    """Runs `eunoe consume ROLE` for each named role, and leaves no process behind.

    Args:
        settings: The settings of the processes.
        roles: The roles.
        log_file: The file for their output; None for this process's own.
    """

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
                self._running.append(self._start(role, Backoff()))
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
            ConfigurationError: If the role cannot start as it is configured.
            RoleFailed: With the role, the reason and the place of the log.
        """
        for running in self._running:
            if running.process.poll() is not None:
                place = f"; its log is {self._log_file}" if self._log_file else ""
                raise RoleFailed(f"the process of role {running.role} ended: {_reason(running)}{place}")

    def restart_ended(self) -> list[str]:
        """Start ended processes again, ever more slowly while they fail. Return a sentence for each new reason.

        Raises:
            ConfigurationError: If a role cannot start as it is configured. The message is the role's own.
        """
        sentences: list[str] = []
        for index, running in enumerate(self._running):
            if running.next_start is None and running.process.poll() is not None:
                now = time.monotonic()
                reason = _reason(running)
                pause, news = running.backoff.ended(reason, ran_seconds=now - running.started)
                running.next_start = now + pause
                if news:
                    sentences.append(f"role {running.role} had ended and is started again: {reason}")
            if running.next_start is not None and time.monotonic() >= running.next_start:
                self._running[index] = self._start(running.role, running.backoff)
        return sentences

    def _start(self, role: ProcessRole, backoff: Backoff) -> _Running:
        report, for_child = os.pipe()
        try:
            command = [sys.executable, "-m", "eunoe_consumers", "consume", role]
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [*command, "--supervisor", str(os.getpid()), "--report", str(for_child)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT if self._log else None,
                # Ctrl-C in the terminal must reach only the supervisor, which stops the roles before the servers.
                start_new_session=True,
                pass_fds=(for_child,),
            )
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(for_child)
        return _Running(role, process, time.monotonic(), os.fdopen(report, "rb"), backoff)

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
            running.report.close()
        if self._log is not None:
            self._log.close()


def _reason(running: _Running) -> str:
    """Return why a process has ended: its own report, or its exit code. Call it once for each process.

    Raises:
        ConfigurationError: If it cannot start as it is configured.
    """
    with running.report:
        text = running.report.read().decode("utf-8", "replace")
    code = running.process.returncode
    if code == MISCONFIGURED and text:
        raise ConfigurationError(text)
    if text:
        return text
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}, and its log says why"


def role_environment(settings: Settings) -> Mapping[str, str]:
    """Return the environment variables that give a child process exactly these settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("EUNOE_")}
    given = settings.model_dump(mode="json", exclude_none=True)
    texts = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in given.items()}
    return inherited | {f"EUNOE_{name.upper()}": text for name, text in texts.items()}


def report_failure(report: int, message: str) -> None:
    """Tell the supervisor why this process ends. The pipe holds more than this, so the write never waits."""
    os.write(report, message.encode("utf-8", "replace")[:_REPORT_BYTES])
