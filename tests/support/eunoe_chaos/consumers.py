"""The consumers of a storm: a process each, started again when it ends, as a supervisor would."""

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
_KILLED_BY_A_MESSAGE = 137  # a kill -9 is -9 here: so ends who had the killer in hand when it was told to stop
_RESTART_SECONDS = 1.0  # not more than one start a second in the same place
_GRACE_SECONDS = 20.0  # beyond the time that the process itself allows for its end


class RoleProcess:
    """One `eunoe consume ROLE`.

    Attributes:
        taken: A fault has this process in its hands.
        asked_to_end: By the storm, and how; None while it should run.
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
        """Its process id, which is part of its consumer's name."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def freeze(self) -> None:
        """Stop it where it stands."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def end(self, how: signal.Signals) -> None:
        """Send it what ends it, and let it go on if it was frozen."""
        self.asked_to_end = how
        self._process.send_signal(how)
        self.wake()

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    async def ended(self, *, seconds: float) -> int | None:
        """Wait for its end, so long at most; return its exit code."""

        async def has_ended() -> bool:
            return self.exit_code is not None

        await came_true(has_ended, seconds=seconds)
        return self.exit_code


class Fleet:
    """Every role's processes.

    Attributes:
        restarts: How often a process was started in the place of one that had ended.
        ends_of_their_own: Exit codes of processes that nobody had asked to end.
        unclean_ends: Processes that got SIGTERM and did not end with code 0 in time, by exit code.
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
        """Return those that should run, of a role or all."""
        return [process for process in self._processes if role in {None, process.role}]

    async def supervise(self) -> None:
        """Start what has ended again, until all are stopped or killed."""
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
        """End a process in the orderly way; note it where it does not."""
        process.end(signal.SIGTERM)
        code = await process.ended(seconds=self._settings.shutdown_seconds + _GRACE_SECONDS)
        if code not in {0, _KILLED_BY_A_MESSAGE}:
            self.unclean_ends[code] += 1
        if code is None:
            process.kill()

    async def stop_all(self) -> None:
        """End every process in the orderly way; none is started again."""
        self._is_over = True
        await asyncio.gather(*(self.stop(process) for process in self._processes if process.exit_code is None))

    def kill_all(self) -> None:
        """Leave no process behind, whatever happened."""
        self._is_over = True
        for process in self._processes:
            if process.exit_code is None:
                process.kill()

    def running(self) -> int:
        """Count the processes that run."""
        return sum(process.exit_code is None for process in self._processes)

    def _start(self, role: Group) -> RoleProcess:
        return RoleProcess(role, self._settings, self._logs / f"{role}.log", self._launcher)
