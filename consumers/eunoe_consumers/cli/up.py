"""`eunoe up`: run the servers and every role until it is stopped."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from eunoe_consumers.cli.console import print_plain
from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.cli.migrate import migrate_up
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.devservers import default_data_dir
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.processes.supervisor import RoleProcesses
from eunoe_consumers.settings import Settings

EXAMPLES = "Example: eunoe up"
_CHECK_SECONDS = 0.5


def up() -> None:
    """Run the servers and every role until Ctrl-C or SIGTERM, and print the URLs of the servers.

    The command migrates the schema first. Each role runs in its own process. A process that ends is started again, and
    so is an embedded server. The command itself ends with an error if a setting is wrong, or if a server ends several
    times in a row.
    """
    settings = Settings()
    folder = settings.data_dir or default_data_dir()
    configure_logs(settings)

    with servers(settings) as resolved:
        keep_servers = _nothing_to_keep if settings.redis_url else _keeper(folder)
        migrate_up(resolved)
        asyncio.run(_check_redis(resolved))
        with RoleProcesses(resolved, list(ProcessRole)) as roles:
            where = "your own servers keep running" if settings.redis_url else f"the data stays in {folder}"
            print_plain("Eunoe is up. To use the same servers in another terminal:")
            print_plain(f"  export EUNOE_REDIS_URL={resolved.redis_url}")
            print_plain(f"  export EUNOE_DATABASE_URL={resolved.database_url}")
            print_plain(f"Ctrl-C stops everything that this command has started; {where}.")
            while True:
                time.sleep(_CHECK_SECONDS)
                # The servers first: a role that ended because of its server should find it again.
                for sentence in [*keep_servers(), *roles.restart_ended()]:
                    print_plain(sentence, style="yellow")


def _keeper(folder: Path) -> Callable[[], list[str]]:
    from eunoe_consumers.devservers.keeper import ServerKeeper  # noqa: PLC0415 - extra `embedded`

    return ServerKeeper.of(folder).check


def _nothing_to_keep() -> list[str]:
    return []


async def _check_redis(settings: Settings) -> None:
    """Raise if Redis cannot be used. Otherwise each role would wait for it, and end."""
    from eunoe_consumers.delivery.redis_client import connect_redis  # noqa: PLC0415 - redis

    await (await connect_redis(settings.redis_url or "", wait_seconds=settings.start_timeout_seconds)).aclose()
