"""Everything that can be killed is killed under load; then both stores are compared with what gateways were told."""

from pathlib import Path

import pytest

from eunoe_chaos.plan import SHORT
from eunoe_chaos.storm import storm
from eunoe_tests.forks import ForkServer


@pytest.mark.slow
@pytest.mark.timeout(900)  # a storm takes a minute; a machine that is busy may take many
def test_a_storm_loses_doubles_misorders_and_leaves_nothing(tmp_path: Path, fork_server: ForkServer) -> None:
    """The short form of benchmarks/chaos.py: each fault really happened, and everything that must be 0 is 0."""
    aftermath = storm(SHORT, tmp_path, fork_server)

    assert aftermath.injected.hits == SHORT.faults
    assert len(aftermath.ledger.events) >= SHORT.events
    assert aftermath.ledger.duplicates > SHORT.events * SHORT.duplicate_share / 2
    assert aftermath.poisoned > SHORT.events * SHORT.poison_share / 4
    assert aftermath.injected.claimed > 0
    assert aftermath.asker.whole > 0
    found = {name: count for name, count in aftermath.findings().items() if count}
    assert not found, aftermath.verdict.details
