"""The consumers of a storm: one process each, started again when it ends, as a supervisor does."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from eunoe_chaos.waiting import came_true
from eunoe_consumers.processes.supervisor import role_environment
from eunoe_consumers.settings import Settings
from eunoe_schema.streams import Group
from eunoe_tests.processes import Launcher

_POLL_SECONDS = 0.05
_KILLED_BY_A_MESSAGE = 137  # the killer message ended it while it was stopping; a kill -9 would be -9
_RESTART_SECONDS = 1.0  # at most one start a second in the same place
_GRACE_SECONDS = 20.0  # in addition to the process's own time limit for a stop


class RoleProcess:
    """One `eunoe consume ROLE`.

    Attributes:
        taken: Whether a fault works on this process.
        asked_to_end: The signal with which the storm ended it; None while it should run.
    """

    def __init__(self, role: Group, settings: Settings, log: Path, launcher: Launcher) -> None:
        self.role = role
        self.taken = False
        self.asked_to_end: signal.Signals | None = None
        self.started = time.monotonic()
        arguments = ["consume", role, "--supervisor", str(launcher.pid)]
        self._process = launcher.launch(arguments, role_environment(settings), log)

    @property
    def pid(self) -> int:
        """The process id, which is part of the consumer name."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def freeze(self) -> None:
        """Freeze it."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let a frozen process continue."""
        self._process.send_signal(signal.SIGCONT)

    def end(self, how: signal.Signals) -> None:
        """Send a signal that ends it; a frozen process continues to receive it."""
        self.asked_to_end = how
        self._process.send_signal(how)
        self.wake()

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    async def ended(self, *, seconds: float) -> int | None:
        """Wait for the end, at most `seconds`; return the exit code."""

        async def has_ended() -> bool:
            return self.exit_code is not None

        await came_true(has_ended, seconds=seconds)
        return self.exit_code


class Fleet:
    """Every role's processes.

    Attributes:
        restarts: How many ended processes were replaced.
        ends_of_their_own: Exit codes of processes that the storm did not end.
        unclean_ends: Exit codes other than 0 after SIGTERM; None if the process did not end in time.
    """

    def __init__(self, settings: Settings, roles: Sequence[Group], logs: Path, launcher: Launcher) -> None:
        self.restarts = 0
        self.ends_of_their_own: Counter[int] = Counter()
        self.unclean_ends: Counter[int | None] = Counter()
        self._is_over = False
        self._settings = settings
        self._logs = logs
        self._launcher = launcher
        self._processes = [self._start(role) for role in roles]

    def processes(self, role: Group | None = None) -> list[RoleProcess]:
        """Return the processes that should run, of one role or of all."""
        return [process for process in self._processes if role in {None, process.role}]

    async def supervise(self) -> None:
        """Replace ended processes until all are stopped or killed."""
        while not self._is_over:
            for place, process in enumerate(self._processes):
                code = process.exit_code
                if code is None or time.monotonic() - process.started < _RESTART_SECONDS:
                    continue
                if process.asked_to_end is None:
                    self.ends_of_their_own[code] += 1
                self._processes[place] = self._start(process.role)
                self.restarts += 1
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, process: RoleProcess) -> None:
        """End a process with SIGTERM, and count an unclean end."""
        process.end(signal.SIGTERM)
        code = await process.ended(seconds=self._settings.shutdown_seconds + _GRACE_SECONDS)
        if code not in {0, _KILLED_BY_A_MESSAGE}:
            self.unclean_ends[code] += 1
        if code is None:
            process.kill()

    async def stop_all(self) -> None:
        """End every process with SIGTERM; none is started again."""
        self._is_over = True
        await asyncio.gather(*(self.stop(process) for process in self._processes if process.exit_code is None))

    def kill_all(self) -> None:
        """Kill every process that still runs."""
        self._is_over = True
        for process in self._processes:
            if process.exit_code is None:
                process.kill()

    def running(self) -> int:
        """Count the processes that run."""
        return sum(process.exit_code is None for process in self._processes)

    def _start(self, role: Group) -> RoleProcess:
        return RoleProcess(role, self._settings, self._logs / f"{role}.log", self._launcher)
