"""Processes and servers are killed under load; then both stores are compared with the receipts of the gateways."""

from pathlib import Path

import pytest

from eunoe_chaos.plan import SHORT
from eunoe_chaos.storm import storm
from eunoe_tests.forks import ForkServer


@pytest.mark.slow
@pytest.mark.timeout(900)  # a storm takes a minute on a quiet machine, and many on a busy one
def test_a_storm_of_faults_loses_and_duplicates_nothing(tmp_path: Path, fork_server: ForkServer) -> None:
    """The short form of benchmarks/chaos.py: every planned fault happens, and every count of defects is 0."""
    aftermath = storm(SHORT, tmp_path, fork_server)

    assert aftermath.injected.hits == SHORT.faults
    assert len(aftermath.ledger.events) >= SHORT.events
    assert aftermath.ledger.duplicates > SHORT.events * SHORT.duplicate_share / 2
    assert aftermath.poisoned > SHORT.events * SHORT.poison_share / 4
    assert aftermath.injected.claimed > 0
    assert aftermath.asker.whole > 0
    found = {name: count for name, count in aftermath.findings().items() if count}
    assert not found, aftermath.verdict.details
