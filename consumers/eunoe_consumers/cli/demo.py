"""`eunoe demo`: show Eunoe's main job end to end on embedded servers."""

import asyncio
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from eunoe_consumers.cli.console import output, print_plain
from eunoe_consumers.cli.migrate import migrate_up
from eunoe_consumers.devservers import default_data_dir, embedded_servers
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.settings import Settings

if TYPE_CHECKING:
    from eunoe_consumers.demo.story import Checks

EXAMPLES = "Example: eunoe demo --keep"


def demo(
    *, keep: Annotated[bool, typer.Option("--keep", help="Keep the demo's data folder and its logs.")] = False
) -> None:
    """Show the main job end to end: embedded servers, one process for each role, a sample conversation.

    The demo publishes a conversation of two users through the gateway's client, and waits until every message is
    stored. It asks six questions whose answers are far outside the window, and shows that the second user sees none
    of them. Then it remembers some memories, and shows the prompt that contains them.

    It checks its own results: the exit code is 1 if one is wrong. It never uses configured servers.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - extra `embedded`

    settings = Settings()
    started = time.monotonic()
    folder = (settings.data_dir or default_data_dir()) / "demo"
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.parent / "demo.lock").acquire(timeout=0):
            checks = _run(settings, folder)
            if not checks.failed and not keep:
                shutil.rmtree(folder)
    except Timeout:
        raise ConfigurationError(
            f"another demo is running in {folder}: wait until it has ended, or set EUNOE_DATA_DIR"
        ) from None
    for promise in checks.failed:
        output.print(f"failed: {promise}", style="red")
    verdict = f"failed (logs are in {folder})" if checks.failed else "all is well"
    seconds = time.monotonic() - started
    output.print(f"{verdict}: {checks.passed} checks passed, {len(checks.failed)} failed, {seconds:.1f} s")
    raise typer.Exit(1 if checks.failed else 0)


def _run(settings: Settings, folder: Path) -> "Checks":
    """Start servers and roles in `folder`, run the demo's story, stop everything."""
    from eunoe_consumers.cli.tenant_administration import open_tenants  # noqa: PLC0415 - asyncpg
    from eunoe_consumers.demo.sample import load_sample  # noqa: PLC0415 - with the rest of the demo
    from eunoe_consumers.demo.story import Story  # noqa: PLC0415 - asyncpg, redis
    from eunoe_consumers.devservers.sharing import stop_all  # noqa: PLC0415 - extra `embedded`
    from eunoe_consumers.processes.supervisor import RoleProcesses  # noqa: PLC0415 - with the rest of the demo

    async def prepare(settings: Settings) -> UUID:
        async with open_tenants(settings) as tenants:
            return (await tenants.add(f"demo {uuid4()}")).id

    stop_all(folder)  # servers of a demo that was killed
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        with output.status("starting Valkey and PostgreSQL"):
            urls = stack.enter_context(embedded_servers(folder))
        resolved = settings.model_copy(update={"redis_url": urls.redis_url, "database_url": urls.database_url})
        with output.status("migrating"):
            migrate_up(resolved)
            sample = load_sample(asyncio.run(prepare(resolved)))
        roles = stack.enter_context(RoleProcesses(resolved, list(ProcessRole), log_file=folder / "roles.log"))
        print_plain(
            f"Valkey, PostgreSQL and the roles {', '.join(ProcessRole)} are running, each in its own process. Their "
            f"data and logs are in {folder} until the demo has passed.",
            "",
        )
        story = Story(sample, output, roles)
        return asyncio.run(story.run(urls.redis_url, urls.database_url))
