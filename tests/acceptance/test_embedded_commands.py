"""Commands without a configured server start, share and stop embedded ones."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psutil
import pytest

from eunoe_consumers.devservers.sharing import stop_all
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.settings import Settings
from eunoe_producers import Gateway, Orchestrator
from eunoe_schema import Scope
from eunoe_tests.events import event_of
from eunoe_tests.forks import ForkServer
from eunoe_tests.processes import Clis, command_lines
from eunoe_tests.waiting import wait_until


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a data folder that the system user of PostgreSQL can read."""
    with TemporaryDirectory(prefix="eunoe-tests-") as folder:
        yield Path(folder)
        stop_all(Path(folder))


@pytest.fixture
def unconfigured(data_dir: Path, model_cache: Path, tmp_path: Path, fork_server: ForkServer) -> Iterator[Clis]:
    """Start commands without any URL."""
    settings = Settings(redis_url=None, database_url=None, data_dir=data_dir, model_cache_dir=model_cache)
    with command_lines(tmp_path, settings, fork_server) as clis:
        yield clis


def _running(data_dir: Path) -> list[str]:
    """Return the command lines of processes that name the folder: the servers."""
    found: list[str] = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(data_dir) in line:
            found.append(line)
    return found


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _consumers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "consume" in child.cmdline()]


async def test_commands_start_and_stop_embedded_servers(unconfigured: Clis, data_dir: Path) -> None:
    """Migrations and tenants work without any server. The data stays between commands; no process does."""
    code, log = await asyncio.to_thread(unconfigured.run, "migrate", "up")
    assert code == 0, log
    assert _running(data_dir) == []
    code, log = await asyncio.to_thread(unconfigured.run, "tenant", "add", "acme", "--json")
    assert code == 0, log
    added = json.loads(log)
    code, log = await asyncio.to_thread(unconfigured.run, "tenant", "list", "--json")
    assert code == 0, log
    assert [tenant["id"] for tenant in json.loads(log)] == [added["id"]]
    code, log = await asyncio.to_thread(unconfigured.run, "tenant", "remove", "acme", "--yes")
    assert code == 0, log
    assert _running(data_dir) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_up_runs_everything_and_stops_everything(
    unconfigured: Clis, data_dir: Path, number: signal.Signals
) -> None:
    """`eunoe up` prints the URLs, other commands share its servers, and a signal ends every process."""
    up = unconfigured.start("up")
    await up.wait_for("Ctrl-C stops everything")
    url = next(word.partition("=")[2] for word in up.log.split() if word.startswith("EUNOE_REDIS_URL="))
    async with await Gateway.connect(url):
        pass
    code, log = await asyncio.to_thread(unconfigured.run, "tenant", "add", "acme")
    assert code == 0, log
    assert len(_running(data_dir)) >= 2, "a command that shared the servers has stopped them"
    roles = _consumers_of(up.process.pid)
    assert len(roles) == len(ProcessRole)
    up.process.send_signal(number)
    await asyncio.to_thread(up.process.wait, 60)
    assert _running(data_dir) == []
    assert not any(role.is_running() for role in roles)


async def test_up_starts_killed_servers_again(unconfigured: Clis, data_dir: Path) -> None:
    """A server that is killed or told to stop is reaped and started again with its data. Every role works on."""
    up = unconfigured.start("up", embedder="hash", purpose="test")
    await up.wait_for("Ctrl-C stops everything")
    tenant = json.loads((await asyncio.to_thread(unconfigured.run, "tenant", "add", "acme", "--json"))[1])["id"]

    async def ready() -> bool:
        return up.log.count("consuming") == len(ProcessRole)

    await wait_until(ready, seconds=60, what="every role to consume")
    url = next(word.partition("=")[2] for word in up.log.split() if word.startswith("EUNOE_REDIS_URL="))
    scope = Scope(tenant_id=UUID(tenant), agent_id=UUID(int=7), user_id="ada")
    for killed, (program, number) in enumerate(
        [("postgres", signal.SIGKILL), ("valkey-server", signal.SIGKILL), ("postgres", signal.SIGTERM)]
    ):
        (server,) = (child for child in psutil.Process(up.process.pid).children() if child.name() == program)
        server.send_signal(number)
        await asyncio.to_thread(server.wait, 30)  # a zombie would never end
        async with await Gateway.connect(url) as gateway, await Orchestrator.connect(url) as orchestrator:
            receipt = await gateway.publish(event_of(scope, f"e{killed}", f"message {killed}"))

            async def all_stored(asked: Orchestrator = orchestrator, count: int = killed + 1) -> bool:
                context = await asked.recall(scope, "message", window=0, top_k=10, deadline=30)
                return len(context.turns) == count

            await wait_until(all_stored, seconds=30, what=f"every message after a kill of {program}")
            assert not receipt.duplicate
    assert up.log.count("had ended and was started again with its data") == 3
    assert "Traceback" not in up.log
    assert up.stop() == 128 + signal.SIGTERM
    assert _running(data_dir) == []


async def test_after_a_crash_of_up_the_next_start_cleans_up(unconfigured: Clis, data_dir: Path) -> None:
    """After kill -9 of `eunoe up` its roles end by themselves, and the next command stops the servers."""
    up = unconfigured.start("up")
    await up.wait_for("consuming")
    roles = _consumers_of(up.process.pid)
    up.kill()

    async def ended() -> bool:
        return not any(role.is_running() for role in roles)

    await wait_until(ended, what="the roles to notice that their supervisor is gone")
    code, log = await asyncio.to_thread(unconfigured.run, "tenant", "list")
    assert code == 0, log
    assert _running(data_dir) == []


async def test_the_demo_passes_its_own_checks_and_leaves_nothing_behind(unconfigured: Clis, data_dir: Path) -> None:
    """Exit code 0, no process, and no file except the lock."""
    demo = unconfigured.start("demo")
    assert await asyncio.to_thread(demo.process.wait, 120) == 0, demo.log
    assert "0 failed" in demo.log
    assert _running(data_dir) == []
    assert _names(data_dir) == ["demo.lock"]
