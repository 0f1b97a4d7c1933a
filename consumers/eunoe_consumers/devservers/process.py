"""Find, start and stop server processes that outlive the process that started them."""

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_LOG_TAIL_LINES = 15
_LOG_TAIL_BYTES = 8192


def find_process(program: str, folder: Path) -> psutil.Process | None:
    """Return the running server of a program with a folder in its command line; None if there is none.

    The list of processes is never stale, unlike a pid file. If a pid file were lost while its server runs, a second
    server would write to the data of the first.
    """
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        # Processes end while they are listed, and some may not be inspected.
        with suppress(psutil.Error):
            if process.name() == program and str(folder) in process.cmdline():
                found[process.pid] = process
    for process in found.values():
        # A fork of the server has the same command line: it rewrites a file, or serves a connection.
        with suppress(psutil.Error):
            if process.ppid() not in found:
                return process
    return None


def processes_within(program: str, folder: Path) -> list[psutil.Process]:
    """Return every process of this program that works in this folder, also children of a dead server."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == program and process.cwd() == str(folder):
                found.append(process)
    return found


def spawn(command: Sequence[str], *, folder: Path, log: Path, user: str | None) -> psutil.Process:
    """Start a server in its own session, so that neither Ctrl-C nor the end of this process ends it.

    Args:
        command: The program and its arguments.
        folder: The working folder.
        log: The file to which the output is appended.
        user: The system user of the process; None for the current one.
    """
    log.touch(mode=0o600)  # only for this user, because it may quote people's words
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - a program from a wheel, with arguments made here
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=clean_environment(),
            start_new_session=True,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    process = psutil.Process(child.pid)
    # A Popen object warns if it is collected while its child runs. Here that is normal: psutil follows the child.
    child.returncode = 0
    return process


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs. A zombie, not yet reaped by its parent, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send_signal(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal to a process, which may have ended."""
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def await_end(process: psutil.Process, *, seconds: float) -> None:
    """Wait for the end of a process. Kill it if it takes too long."""
    try:
        process.wait(timeout=seconds)
    except psutil.TimeoutExpired:
        send_signal(process, signal.SIGKILL)
        process.wait()


def clean_environment() -> dict[str, str]:
    """Return the environment of a server: the paths of programs and libraries, and nothing else.

    A server outlives the shell that started it, and every local user can connect to it. So it must not carry the
    shell's secrets, nor follow its locale or its PG* variables.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def choose_port(preferred: int) -> int:
    """Return the preferred port of 127.0.0.1 if it is free, else any free port. 0 means no preference."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # The servers set it, too: connections of the last run in TIME_WAIT do not occupy the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def log_tail(log: Path) -> str:
    """Return the path of a log and its last lines, for an error message."""
    try:
        content = log.read_bytes()[-_LOG_TAIL_BYTES:]
    except FileNotFoundError:
        content = b""
    lines = content.decode(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    return "\n".join([f"the end of its log, {log}:", *(f"  {line}" for line in lines or ["(empty)"])])
