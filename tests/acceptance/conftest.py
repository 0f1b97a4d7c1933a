"""The command line for acceptance tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eunoe_consumers.settings import Settings
from eunoe_tests.forks import ForkedClis, Forks
from eunoe_tests.processes import Clis, command_lines


@pytest.fixture
def clis(settings: Settings, tmp_path: Path) -> Iterator[Clis]:
    """Starts commands on this test's servers; none outlives the test."""
    with command_lines(tmp_path, settings) as clis:
        yield clis


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """The process that the commands of tests with very many are forked from."""
    with Forks() as forks:
        yield forks


@pytest.fixture
def forked_clis(settings: Settings, tmp_path: Path, forks: Forks) -> Iterator[Clis]:
    """The same as `clis`, for tests of very many commands."""
    clis = ForkedClis(tmp_path, settings, forks)
    yield clis
    clis.kill_all()
