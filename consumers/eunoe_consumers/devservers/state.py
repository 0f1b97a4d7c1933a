"""What a data folder remembers about its servers: who holds them, and the ports they had last."""

import os
from pathlib import Path
from typing import Self

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

# Two readings of the same start may differ by the whole second to which Linux rounds the time of boot.
_SAME_START_SECONDS = 1.5

_FILE_NAME = "state.json"


class Holder(BaseModel):
    """A process that uses the servers, told apart from a later process of the same pid by when it started."""

    model_config = ConfigDict(frozen=True)

    pid: int = Field(gt=0)
    started_seconds: float

    @classmethod
    def current(cls) -> Self:
        """Return this process."""
        return cls(pid=os.getpid(), started_seconds=_started_seconds(psutil.Process()))

    def is_same(self, other: "Holder") -> bool:
        """Tell whether both are the same process."""
        return self.pid == other.pid and abs(self.started_seconds - other.started_seconds) < _SAME_START_SECONDS

    def is_alive(self) -> bool:
        """Tell whether the process still runs; a zombie, killed and not yet reaped, does not."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return self.is_same(Holder(pid=self.pid, started_seconds=_started_seconds(process)))
        except psutil.NoSuchProcess:
            return False


class Ports(BaseModel):
    """The ports of the last run, which the next run takes again where they are free; 0 where there was none."""

    model_config = ConfigDict(frozen=True)

    valkey: int = Field(default=0, ge=0, le=65535)
    postgres: int = Field(default=0, ge=0, le=65535)


class ServerState(BaseModel):
    """The content of a data folder's state file; a process that entered twice is there twice."""

    model_config = ConfigDict(frozen=True)

    holders: tuple[Holder, ...] = ()
    ports: Ports = Ports()

    def with_holder(self, holder: Holder) -> "ServerState":
        """Return the state with one more holder and without the dead."""
        return self.model_copy(update={"holders": (*self._living(), holder)})

    def without_holder(self, holder: Holder) -> "ServerState":
        """Return the state with one entry of this holder less, if there is one, and without the dead."""
        living = self._living()
        for index, other in enumerate(living):
            if other.is_same(holder):
                del living[index]
                break
        return self.model_copy(update={"holders": tuple(living)})

    def _living(self) -> list[Holder]:
        return [holder for holder in self.holders if holder.is_alive()]


def load_state(folder: Path) -> ServerState:
    """Read a data folder's state; an absent or unreadable file is an empty state.

    Nothing is lost with it but the holders' names and the wish for the same ports: whether a server runs, and where, is
    read off the running processes.
    """
    try:
        return ServerState.model_validate_json((folder / _FILE_NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        return ServerState()


def save_state(folder: Path, state: ServerState) -> None:
    """Replace a data folder's state in one step, so that a crash leaves the old file or the new one."""
    temporary = folder / f"{_FILE_NAME}.new"
    temporary.write_text(state.model_dump_json(), encoding="utf-8")
    os.replace(temporary, folder / _FILE_NAME)  # noqa: PTH105 - named for its atomicity, as on POSIX


def _started_seconds(process: psutil.Process) -> float:
    # Linux knows a start in seconds after boot, and psutil adds the time of boot, which moves whenever the clock is set
    # (a suspended laptop, WSL): a living holder would pass for dead. Elsewhere the start itself is a fixed clock time.
    boot_seconds = psutil.boot_time() if psutil.LINUX else 0.0
    return process.create_time() - boot_seconds
