"""The command line for acceptance tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eunoe_consumers.settings import Settings
from eunoe_tests.forks import ForkServer
from eunoe_tests.processes import Clis, Spawner, command_lines


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """Start the process that commands are forked from, once for the run of a worker."""
    with ForkServer() as server:
        yield server


@pytest.fixture
def clis(settings: Settings, tmp_path: Path, fork_server: ForkServer) -> Iterator[Clis]:
    """Start commands on this test's servers; none outlives the test. Each is forked from a warm process."""
    with command_lines(tmp_path, settings, fork_server) as clis:
        yield clis


@pytest.fixture
def spawned_clis(settings: Settings, tmp_path: Path) -> Iterator[Clis]:
    """Start commands as `clis` does, each in a new interpreter. Use it once for each kind of command."""
    with command_lines(tmp_path, settings, Spawner()) as clis:
        yield clis
