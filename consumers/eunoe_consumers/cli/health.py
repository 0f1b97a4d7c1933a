"""`eunoe health`: check everything that publishing and recall need."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from eunoe_consumers.cli.console import line, output, print_json
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings

EXAMPLES = "Examples: eunoe health; eunoe health --json; eunoe health --strict || alert"
_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def health(
    *,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for the answer of a server.")
    ] = 5.0,
    strict: Annotated[bool, typer.Option("--strict", help="Treat a warning as a failure.")] = False,
    dismiss_losses: Annotated[
        bool, typer.Option("--dismiss-losses", help="Dismiss the known data losses of Redis, then check.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check Redis, PostgreSQL, the schema, the tenants and the consumers of every role, and say what to do.

    The exit code is 0 when nothing fails, and 1 otherwise. A consumer is alive if it has read entries or sent a
    heartbeat within EUNOE_CLAIM_AFTER_SECONDS. Row counts are estimates of the database. After Redis has lost data, the
    check `lost messages` warns and names the time span of the messages that may be lost. --dismiss-losses ends the
    warning.
    """
    from eunoe_consumers.cli import health_checks  # noqa: PLC0415 - asyncpg

    with servers(Settings()) as resolved:
        if dismiss_losses:
            asyncio.run(health_checks.dismiss_losses(resolved, wait_seconds=timeout))
        checks = asyncio.run(health_checks.run_checks(resolved, wait_seconds=timeout))
    bad = {"fail", "warn"} if strict else {"fail"}
    healthy = not any(check.status in bad for check in checks)
    if as_json:
        print_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    else:
        table = Table("check", "status", "found", "what to do")
        for check in checks:
            table.add_row(check.name, line(check.status, _STYLES[check.status]), check.found, check.advice)
        output.print(table)
    if not healthy:
        raise typer.Exit(1)
