"""Ended servers and roles are started again, ever more slowly, and an outage is one line in the log."""

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from eunoe_consumers.cli.outage_filter import OutageFilter
from eunoe_consumers.devservers.embedded import EmbeddedError
from eunoe_consumers.devservers.keeper import MOST_QUICK_ENDS, ServerKeeper
from eunoe_consumers.devservers.postgres import EmbeddedPostgres
from eunoe_consumers.devservers.server import EmbeddedServer
from eunoe_consumers.devservers.valkey import EmbeddedValkey
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.processes.supervisor import Backoff, RoleProcesses
from eunoe_consumers.settings import Settings


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Starts:
    """Starts of a server: each entry is the life of one. `True` ends at once, `False` does not start."""

    def __init__(self, outcomes: Sequence[bool]) -> None:
        self.outcomes = list(outcomes)
        self.count = 0

    def __call__(self, _folder: Path, _server: EmbeddedServer) -> psutil.Process:
        """Start the next server."""
        self.count += 1
        if not self.outcomes.pop(0):
            raise EmbeddedError("no space left on device")
        return ended_child()


def ended_child() -> psutil.Process:
    """Return a child that has ended and was not reaped."""
    process = psutil.Process(os.posix_spawn("/bin/true", ["true"], {}))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return process


def keeper(folder: Path, starts: Starts, clock: Clock) -> ServerKeeper:
    """Return the keeper of a Valkey that has just ended."""
    (folder / "valkey").mkdir()
    return ServerKeeper(folder, [EmbeddedValkey(folder)], clock, starts)


def test_a_server_is_started_again_and_its_process_is_reaped(tmp_path: Path) -> None:
    """One sentence for each end. No zombie keeps the process id in use."""
    starts, clock = Starts([True] * 9), Clock()
    kept = keeper(tmp_path, starts, clock)
    others = psutil.Process().children()  # of other tests
    for _ in range(9):  # each lives longer than a quick end
        assert kept.check() == ["Valkey had ended and was started again with its data"]
        clock.now += 60
    unreaped = [child for child in psutil.Process().children() if child not in others]
    assert len(unreaped) == 1, "only the last one may be unreaped"
    unreaped[0].wait()


def test_after_several_quick_ends_the_keeper_gives_up(tmp_path: Path) -> None:
    """The error names the server and quotes the end of its log."""
    starts, clock = Starts([True] * 20), Clock()
    kept = keeper(tmp_path, starts, clock)
    (tmp_path / "valkey.log").write_text("Bad file format reading the append only file\n")
    for _ in range(MOST_QUICK_ENDS + 1):
        kept.check()
    with pytest.raises(EmbeddedError, match=r"Valkey ended .* in a row .*\n.*Bad file format"):
        kept.check()


def test_a_server_that_does_not_start_is_tried_ever_more_slowly(tmp_path: Path) -> None:
    """A full disk may be freed meanwhile. Then the server is started, and the roles go on."""
    starts, clock = Starts([False, False, True]), Clock()
    kept = keeper(tmp_path, starts, clock)
    assert (kept.check(), kept.check(), starts.count) == ([], [], 1), "tried twice without a pause"
    clock.now += 1
    assert (kept.check(), kept.check(), starts.count) == ([], [], 2)
    clock.now += 1
    assert (kept.check(), starts.count) == ([], 2)
    clock.now += 1
    assert kept.check() == ["Valkey had ended and was started again with its data"]


def test_a_deleted_data_folder_ends_everything(tmp_path: Path) -> None:
    """A server without its folder would lose all that it is given from then on."""
    kept = keeper(tmp_path, Starts([]), Clock())
    (tmp_path / "valkey").rmdir()
    with pytest.raises(EmbeddedError, match=r"the data folder .*valkey was deleted"):
        kept.check()


def test_ended_roles_pause_ever_longer_and_say_each_reason_once() -> None:
    """At most a minute. A process that ran for a minute had recovered, so its end is news again."""
    backoff = Backoff()
    ends = [backoff.ended("Redis is away", ran_seconds=0) for _ in range(9)]
    assert [pause for pause, _ in ends] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [news for _, news in ends] == [True] + [False] * 8
    assert backoff.ended("the disk is full", ran_seconds=0)[1]
    assert backoff.ended("the disk is full", ran_seconds=100) == (0, True)


def test_a_role_that_is_misconfigured_is_not_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The supervisor raises the role's own sentence, so that it appears once."""
    program = (
        "import os, sys; report = int(sys.argv[sys.argv.index('--report') + 1]); "
        "os.write(report, 'EUNOE_MODEL_PATH is wrong'.encode()); sys.exit(2)"
    )
    popen = subprocess.Popen

    def launch(command: list[str], **options: object) -> "subprocess.Popen[bytes]":
        return popen([sys.executable, "-c", program, *command], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", launch)
    roles = RoleProcesses(Settings(), [ProcessRole.EMBED], log_file=tmp_path / "log")
    with roles, pytest.raises(ConfigurationError, match="EUNOE_MODEL_PATH is wrong"):
        watch(roles)


def watch(roles: RoleProcesses) -> None:
    """Watch until a role has ended."""
    while not roles.restart_ended():
        pass


def logged(clock: Clock, records: Sequence[tuple[float, str, object, BaseException | None]]) -> list[str]:
    """Return the lines that pass: each record has its time, logger, message and error."""
    outage_filter, shown = OutageFilter(clock), list[str]()
    for seconds, name, message, error in records:
        clock.now = seconds
        info = None if error is None else (type(error), error, error.__traceback__)
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, (), info)
        if outage_filter.filter(record):
            assert record.exc_info is None
            shown.append(str(record.msg))
    return shown


def test_an_outage_is_one_line_of_each_server() -> None:
    """Also if a library logs tracebacks. A later outage is logged again, and other lines always pass."""
    away = {"event": "waiting", "reason": "Redis is not reachable: Connection closed by server."}
    refused = ConnectionRefusedError(111, "Connect call failed")
    outage = [
        (0.0, "asyncpg.pool", "Failed to restore the pool connection floor; retrying", refused),
        (0.1, "eunoe", away, None),
        (0.2, "eunoe.stream_reader", "Message fetch error", refused),
        (5.0, "asyncpg.pool", "Failed to restore the pool connection floor; retrying", refused),
        (10.0, "eunoe", away, None),
    ]
    shown = logged(Clock(), outage)
    assert len(shown) == 2
    assert shown[0].startswith("PostgreSQL is not reachable: ")
    assert "Redis is not reachable" in shown[1]
    later = [(seconds + 60, *rest) for seconds, *rest in outage]
    assert len(logged(Clock(), [*outage, *later, (99.0, "eunoe", "consuming", None)])) == 5  # type: ignore[list-item]


def test_a_long_outage_is_repeated_each_minute() -> None:
    """So that the end of a log tells why nothing happens."""
    away = {"event": "waiting", "reason": "Redis is not reachable: refused"}
    assert len(logged(Clock(), [(float(second), "eunoe", away, None) for second in range(0, 181, 2)])) == 4


@pytest.mark.parametrize("content", ["", "eighteen", "\x1b[2J"])
def test_a_damaged_cluster_is_one_sentence(tmp_path: Path, content: str) -> None:
    """It names the folder and the setting."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text(content)
    with pytest.raises(EmbeddedError, match=r"PG_VERSION is damaged .* EUNOE_DATA_DIR"):
        EmbeddedPostgres(tmp_path).prepare()


@pytest.mark.parametrize("pid", [1, os.getppid(), 2**22 + 1], ids=["init", "a running process", "unused"])
def test_a_pid_file_of_a_dead_server_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    """PostgreSQL would believe it if the process id is in use, by another program or by a zombie."""
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("18")
    (folder / "postmaster.pid").write_text(f"{pid}\n{folder}\n")
    server = EmbeddedPostgres(tmp_path)
    monkeypatch.setattr(EmbeddedPostgres, "_wheel", type("Wheel", (), {"system_user": None})())
    server.prepare()
    assert not (folder / "postmaster.pid").exists()
