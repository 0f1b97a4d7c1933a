"""`eunoe janitor run`: run one round of the janitor by hand."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from eunoe_consumers.cli.console import print_json, print_plain
from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.cli.options import JsonOption
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.janitor.janitor import Round

app = typer.Typer(no_args_is_help=True)


@app.callback()
def janitor() -> None:
    """Archive and purge expired memories by hand; `eunoe consume janitor` does it regularly."""


@app.command(epilog="Example: eunoe janitor run --json")
def run(*, as_json: JsonOption = False) -> None:
    """Run one round: archive expired memories, purge memories that ended long ago, delete old kept replies.

    The round works in batches, one tenant after the other. It does nothing while another janitor is at work.
    """
    settings = Settings()
    configure_logs(settings)
    with servers(settings) as resolved:
        done = asyncio.run(_run_once(resolved))
    if as_json:
        print_json(asdict(done))
    else:
        print_plain(_sentence(done))


async def _run_once(settings: Settings) -> "Round":
    from eunoe_consumers.janitor.build import build  # noqa: PLC0415 - asyncpg
    from eunoe_consumers.postgres.schema_check import open_database  # noqa: PLC0415 - asyncpg

    url, dimensions = settings.database_url or "", settings.embedding_dimensions
    async with open_database(url, settings, embedding_dimensions=dimensions, connections=1) as database:
        return await build(settings, database).run_once()


def _sentence(done: "Round") -> str:
    text = (
        f"{done.archived} expired memories archived, {done.purged} memories purged, {done.merged} near duplicates "
        f"merged, {done.replies_dropped} kept replies dropped; {done.tenants} tenants in {done.seconds:g} s"
    )
    if done.failed:
        text = f"{text}; {done.failed} more tenants failed, see the log"
    return text if done.complete else f"{text}; another janitor is at work and does the rest"
