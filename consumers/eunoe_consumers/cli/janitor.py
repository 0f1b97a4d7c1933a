"""`eunoe janitor`: tidy up by hand what the role `janitor` tidies up by itself."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from eunoe_consumers.cli.console import output, print_json
from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.janitor.janitor import Round

app = typer.Typer(no_args_is_help=True, help="End what has lapsed; `eunoe consume janitor` does so by itself.")


@app.callback()
def janitor() -> None:
    """End what has lapsed; `eunoe consume janitor` does so by itself."""


@app.command()
def run(*, as_json: JsonOption = False) -> None:
    """Do one round: archive memories that have lapsed, purge those that ended long ago, drop old kept replies.

    It works in bounded batches, tenant by tenant, and does nothing where another janitor is at work.
    """
    from eunoe_consumers.roles import tidy  # noqa: PLC0415 - asyncpg

    settings = Settings()
    configure_logs(settings)
    with servers(settings) as resolved:
        done = asyncio.run(tidy(resolved))
    if as_json:
        print_json(asdict(done))
    else:
        output.print(_sentence(done), highlight=False, soft_wrap=True)


def _sentence(done: "Round") -> str:
    text = (
        f"{done.archived} memories had lapsed and are archived, {done.purged} are purged, {done.merged} near "
        f"duplicates are merged, {done.replies_dropped} kept replies are dropped; {done.tenants} tenants, "
        f"{done.seconds:g} s"
    )
    if done.failed:
        text = f"{text}; {done.failed} more could not be tidied, the log says why"
    return text if done.complete else f"{text}; the rest is another janitor's, who is at work"
