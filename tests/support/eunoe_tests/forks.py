"""The real command line, forked from a process that has imported it: a test of many commands waits for them alone.

Each command is a process of its own with its own environment, standard streams and exit code, as ever; only a second of
imports is saved. Run as a script, this file is that process.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from eunoe_consumers.processes.supervisor import role_environment
from eunoe_consumers.settings import Settings
from eunoe_tests.processes import Clis


class Forks:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path) -> int:
        """Run a command to its end; return its exit code."""
        job = {"arguments": list(arguments), "environment": dict(environment), "log_file": str(log_file)}
        into, out = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        into.write(json.dumps(job) + "\n")
        into.flush()
        return int(out.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


class ForkedClis(Clis):
    """Starts consumers as ever, and forks the commands that are run to their end."""

    def __init__(self, folder: Path, settings: Settings, forks: Forks) -> None:
        super().__init__(folder, settings)
        self._forks = forks
        self._place, self._set = folder, settings
        self._runs = 0

    def run(self, *arguments: str, **changes: object) -> tuple[int, str]:
        """Run a command to its end; return exit code and output."""
        self._runs += 1
        log_file = self._place / f"fork-{self._runs}.log"
        environment = role_environment(self._set.model_copy(update=changes))
        code = self._forks.run(arguments, environment, log_file)
        return code, log_file.read_text(encoding="utf-8", errors="replace")


def _become(job: Mapping[str, object]) -> int:
    """Do what `python -m eunoe_consumers` would; return the exit code."""
    from eunoe_consumers.__main__ import run  # noqa: PLC0415 - imported before the fork

    log = os.open(str(job["log_file"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(cast("Mapping[str, str]", job["environment"]))
    sys.argv = ["eunoe", *cast("Sequence[str]", job["arguments"])]
    code = 0
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _serve() -> None:
    import eunoe_consumers.cli.memory.commands  # noqa: PLC0415
    import eunoe_producers  # noqa: PLC0415

    assert eunoe_consumers.cli.memory.commands
    assert eunoe_producers
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_become(json.loads(line)))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
