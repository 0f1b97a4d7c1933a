"""A fork server: it starts the command line in forked processes, which saves each of them two seconds of imports.

A forked command is a process like any other: it has its own environment, standard streams, session, signals and exit
code, and it ends as a Python program ends. Run as a script, this file is the fork server.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import IO, Any, Self, cast

_POLL_SECONDS = 0.01
_PRELOADED = ("eunoe_schema", "eunoe_producers", "eunoe_sql", "eunoe_consumers")
# Only a consumer with a model imports these.
_PRELOADED_FOR_THE_MODEL = ("fastembed", "tokenizers")
# A thread that runs in the fork server would be missing in its children: numpy and onnxruntime must not start any.
_WITHOUT_THREADS = {"OPENBLAS_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


class ForkServer:
    """Starts commands by forking a process that has imported all of Eunoe. It is a `Launcher`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_WITHOUT_THREADS},
        )

    @property
    def pid(self) -> int:
        """The parent of the commands."""
        return self._process.pid

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path) -> "ForkedProcess":
        """Start a command; it appends its output to the log file."""
        pid = self._ask(arguments=list(arguments), environment=dict(environment), log_file=str(log_file))
        return ForkedProcess(self, cast("int", pid))

    def exit_code(self, pid: int) -> int | None:
        """Return the exit code of a command, or None while it runs. Ask only once after the end."""
        return self._ask(ended=pid)

    def _ask(self, **request: Any) -> int | None:
        into, out = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        with self._lock:
            into.write(json.dumps(request) + "\n")
            into.flush()
            return cast("int | None", json.loads(out.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


class ForkedProcess:
    """A command that the fork server started, with the methods of `subprocess.Popen`."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        self._lock = Lock()

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs. A signal's number is negative, as in Popen."""
        with self._lock:
            if self.returncode is None:
                self.returncode = self._server.exit_code(self.pid)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code.

        Raises:
            subprocess.TimeoutExpired: It still runs after `timeout` seconds.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if ends is not None and time.monotonic() > ends:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless the process has ended."""
        # Until the server is asked for the exit code the process keeps its id, so no other process can be hit.
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self.send_signal(signal.SIGKILL)


def _serve() -> Mapping[str, Any] | None:
    """Answer requests until the client goes away. Returns the request in each forked child, and None at the end."""
    children: set[int] = set()
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
            children.discard(pid)
        else:
            answer = os.fork()
            if answer == 0:
                return request
            children.add(answer)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()
    for child in children:  # a test run that was killed leaves no process behind
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return None


def _preload() -> None:
    for name in _PRELOADED:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in _PRELOADED_FOR_THE_MODEL:
        importlib.import_module(name)
    gc.freeze()  # a collection in a child would copy every page that it shares with the server


def _become(request: Mapping[str, Any]) -> None:
    """Take the place of `python -m eunoe_consumers ...` in this process, up to its first line."""
    os.setsid()
    log = os.open(request["log_file"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(log, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["eunoe", *request["arguments"]]


if __name__ == "__main__":
    _preload()
    job = _serve()
    if job is not None:
        from eunoe_consumers.__main__ import run

        _become(job)
        run()
