"""The command line for acceptance tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eunoe_consumers.settings import Settings
from eunoe_tests.processes import Clis, command_lines


@pytest.fixture
def clis(settings: Settings, tmp_path: Path) -> Iterator[Clis]:
    """Starts commands on this test's servers; none outlives the test."""
    with command_lines(tmp_path, settings) as clis:
        yield clis
