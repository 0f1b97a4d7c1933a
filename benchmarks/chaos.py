"""Count lost, doubled and misordered messages while processes and servers are killed, and measure each recovery.

The storm is in tests/support/eunoe_chaos, because an acceptance test runs its short form.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from common import (
    Figure,
    JsonOption,
    Report,
    changed_settings,
    command_line,
    errors,
    machine,
    progress_bars,
    rounded,
    run,
)
from rich.progress import Progress

from eunoe_chaos.ledger import MessageKind
from eunoe_chaos.plan import FULL, SHORT, Plan
from eunoe_chaos.poison import PoisonKind
from eunoe_chaos.storm import PROCESSES_PER_ROLE, Aftermath, storm
from eunoe_tests.processes import Spawner

_SHOWN_DETAILS = 20

app = command_line()


@app.command()
def chaos(
    *,
    short: Annotated[bool, typer.Option("--short", help="Run the short form, as the acceptance test does.")] = False,
    seed: Annotated[
        int, typer.Option(help="The seed of all random choices, such as the order of the faults.")
    ] = FULL.seed,
    logs: Annotated[Path | None, typer.Option(help="Keep the consumers' logs in this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish from two gateways while consumers, Redis and PostgreSQL are killed. Then compare both stores."""
    plan = replace(SHORT if short else FULL, seed=seed)
    with ExitStack() as stack:
        folder = logs or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eunoe-benchmark-")))
        folder.mkdir(parents=True, exist_ok=True)
        progress = stack.enter_context(progress_bars())
        aftermath = storm(plan, folder, Spawner(), _Bars(progress, plan))
    for detail in aftermath.verdict.details[:_SHOWN_DETAILS]:
        errors.print(detail, style="red", markup=False, highlight=False, soft_wrap=True)
    Report("chaos", list(figures(plan, aftermath)), about(plan, aftermath)).print(as_json=as_json)


class _Bars:
    """Progress bars of a storm."""

    def __init__(self, progress: Progress, plan: Plan) -> None:
        self._progress = progress
        self._events = progress.add_task("events", total=plan.events)
        self._faults = progress.add_task("faults", total=sum(plan.faults.values()))

    def __call__(self, events: int, faults: int) -> None:
        self._progress.update(self._events, completed=events)
        self._progress.update(self._faults, completed=faults)


def figures(plan: Plan, aftermath: Aftermath) -> Iterator[Figure]:
    """Yield the defects, which must be 0, then the faults, then the times."""
    for name, count in aftermath.findings().items():
        yield Figure(name, count, "count", "lower", must=0)
    ledger, asker, injected = aftermath.ledger, aftermath.asker, aftermath.injected
    yield Figure("events", len(ledger.events), "events", "higher")
    yield Figure("duplicates", ledger.duplicates, "publications", "higher")
    yield Figure("poison", aftermath.poisoned + _count_kind(aftermath, "raise"), "entries", "higher")
    for fault, times in plan.faults.items():
        yield Figure(f"faults_{fault}", injected.hits[fault], "faults", "higher", must=times)
    yield Figure("freezes_beyond_the_claim", injected.claimed, "faults", "higher")
    for fault, seconds in sorted(injected.recovery_seconds.items()):
        yield Figure(f"recovery_{fault}_median", rounded(median(seconds)), "s", "lower")
        yield Figure(f"recovery_{fault}_worst", rounded(max(seconds)), "s", "lower")
    yield Figure("restarts", aftermath.fleet.restarts, "processes", "lower")
    yield Figure("recalls_whole", asker.whole, "replies", "higher")
    yield Figure("recalls_partial", asker.partial, "replies", "lower")
    yield Figure("recalls_late", asker.late, "requests", "lower")
    yield Figure("storm_seconds", rounded(aftermath.seconds), "s", "lower")


def about(plan: Plan, aftermath: Aftermath) -> str:
    """Describe the storm and its figures."""
    ends = ", ".join(f"{count} with code {code}" for code, count in sorted(aftermath.fleet.ends_of_their_own.items()))
    unclear = "; ".join(aftermath.asker.unclear) or "none"
    refusals = ", ".join(aftermath.ledger.refusals) or "none"
    return (
        f"{len(aftermath.ledger.events)} events of {plan.scopes} scopes of 2 tenants (seed {plan.seed}) from two "
        f"gateways, {plan.events_per_second:g} a second; each published again until it had a receipt, "
        f"{aftermath.ledger.duplicates} of them once more: at once by the other gateway, soon, or a thousand events "
        f"later. Poison: {', '.join(PoisonKind)} past the gateways, and texts on which the model raises. Every role in "
        f"{PROCESSES_PER_ROLE} processes, started again when they end; embedded Valkey (appendonly, appendfsync "
        f"always) and PostgreSQL; {changed_settings(aftermath.settings)}. Two consumers and one server are hit at a "
        "time. A consumer is hit with entries in flight: it is frozen and checked for entries. Then it is killed, sent "
        "SIGTERM, or kept frozen until others have claimed them; `killer` is a message that ends each process that "
        "embeds it. Redis and every process of PostgreSQL are killed with -9; a refusal ends all connections and "
        f"refuses new ones for {plan.refusal_seconds:g} s. Recovery: from the beginning of a fault until the groups "
        "that it affects (one for a consumer, all for a server) have finished everything that was published before its "
        "end. Faults overlap, so the delay of one counts for another, too. The verdict compares receipts, stream, rows "
        "with their terms, windows, dead letters, and a recall of every scope after the storm. "
        f"Unexpected ends of processes: {ends or 'none'}. Unclear recall errors: {unclear}. Refused: {refusals}. "
        f"{machine()}."
    )


def _count_kind(aftermath: Aftermath, kind: MessageKind) -> int:
    return sum(event.kind == kind for event in aftermath.ledger.events)


if __name__ == "__main__":
    run(app)
