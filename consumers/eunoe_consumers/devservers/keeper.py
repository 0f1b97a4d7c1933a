"""Keep the embedded servers running: start a server again when it has ended."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from eunoe_consumers.devservers.embedded import EmbeddedError
from eunoe_consumers.devservers.postgres import EmbeddedPostgres
from eunoe_consumers.devservers.process import is_alive
from eunoe_consumers.devservers.server import EmbeddedServer
from eunoe_consumers.devservers.sharing import start_again
from eunoe_consumers.devservers.valkey import EmbeddedValkey

# A server that lived longer than this had started well, so its end does not count as one in a row.
QUICK_SECONDS = 10.0
# Ends in a row before the keeper gives up. A broken disk or a damaged file would end every further start, too.
MOST_QUICK_ENDS = 5
_FIRST_PAUSE_SECONDS = 0.5


@dataclass
class _Kept:
    """A server, its process, and how its last starts went. Times are of the monotonic clock."""

    server: EmbeddedServer
    process: psutil.Process | None
    started: float
    quick_ends: int = 0
    next_start: float = 0.0


@dataclass
class ServerKeeper:
    """Starts the servers of a data folder again when they end. The caller must hold the folder.

    Attributes:
        folder: The data folder.
        servers: The servers of the folder.
        clock: The monotonic clock in seconds.
        start_again: Starts a server, or finds it if another process was faster. Raises EmbeddedError.
    """

    folder: Path
    servers: list[EmbeddedServer]
    clock: Callable[[], float] = time.monotonic
    start_again: Callable[[Path, EmbeddedServer], psutil.Process] = start_again
    _kept: list[_Kept] = field(init=False)

    @classmethod
    def of(cls, data_dir: Path) -> "ServerKeeper":
        """Return the keeper of both servers of a data folder."""
        folder = data_dir.expanduser().resolve()
        return cls(folder, [EmbeddedValkey(folder), EmbeddedPostgres(folder)])

    def __post_init__(self) -> None:
        now = self.clock()
        self._kept = [_Kept(server, server.find(), now) for server in self.servers]

    def check(self) -> list[str]:
        """Start ended servers again. Return a sentence for each. Call it about twice a second.

        Raises:
            EmbeddedError: If the data folder was deleted, or a server ended or did not start several times in a row.
        """
        sentences: list[str] = []
        for kept in self._kept:
            if not kept.server.folder.is_dir():
                raise EmbeddedError(
                    f"the data folder {kept.server.folder} was deleted while {kept.server.label} was using it, so "
                    "everything is stopped: `eunoe up` starts afresh"
                )
            if kept.process is not None and is_alive(kept.process):
                # PostgreSQL's stop by SIGTERM waits for the end of all connections, and refuses new ones meanwhile.
                if kept.server.is_stopping():
                    kept.server.request_stop()
            elif self.clock() >= kept.next_start and self._restart(kept):
                sentences.append(f"{kept.server.label} had ended and was started again with its data")
        return sentences

    def _restart(self, kept: _Kept) -> bool:
        """Start a server. Return False if it did not start and may be tried again."""
        if kept.process is not None:
            _reap(kept.process)
            self._count_end(kept, quick=self.clock() - kept.started < QUICK_SECONDS, why=kept.server.log_end())
            kept.process = None
        try:
            kept.process = self.start_again(self.folder, kept.server)
        except EmbeddedError as error:
            self._count_end(kept, quick=True, why=str(error))
            kept.next_start = self.clock() + _FIRST_PAUSE_SECONDS * 2**kept.quick_ends
            return False
        kept.started = self.clock()
        return True

    def _count_end(self, kept: _Kept, *, quick: bool, why: str) -> None:
        kept.quick_ends = kept.quick_ends + 1 if quick else 1
        if kept.quick_ends > MOST_QUICK_ENDS:
            raise EmbeddedError(
                f"{kept.server.label} ended {kept.quick_ends} times in a row soon after its start, so everything is "
                f"stopped; {why}"
            )


def _reap(process: psutil.Process) -> None:
    """Take note of the end of a child. Otherwise its process id stays in use until this process ends."""
    with suppress(psutil.Error):  # it is a child of another process, which has to do this
        process.wait(timeout=0)
