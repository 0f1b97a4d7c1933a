"""`eunoe up`: servers, schema and every role, kept running."""

import asyncio
import time

from eunoe_consumers.cli.console import output
from eunoe_consumers.cli.logs import configure_logs
from eunoe_consumers.cli.servers import servers
from eunoe_consumers.devservers import default_data_dir
from eunoe_consumers.role import ProcessRole
from eunoe_consumers.settings import Settings

_CHECK_SECONDS = 0.5


def up() -> None:
    """Keep the servers and every role running until Ctrl-C or SIGTERM, and print the URLs.

    The schema is migrated first. Each role runs in a process of its own and is started again when it ends.
    """
    from eunoe_consumers.administration import migrate_up  # noqa: PLC0415 - asyncpg
    from eunoe_consumers.supervisor import RoleProcesses  # noqa: PLC0415 - starts nothing, but reads like it

    settings = Settings()
    folder = settings.data_dir or default_data_dir()
    configure_logs(settings)

    with servers(settings) as resolved:
        asyncio.run(migrate_up(resolved))
        with RoleProcesses(resolved, list(ProcessRole)) as roles:
            output.print("Eunoe is up. In another terminal, for the same servers:", highlight=False)
            output.print(f"  export EUNOE_REDIS_URL={resolved.redis_url}", highlight=False, soft_wrap=True)
            output.print(f"  export EUNOE_DATABASE_URL={resolved.database_url}", highlight=False, soft_wrap=True)
            where = "the servers are yours" if settings.redis_url else f"the data stays in {folder}"
            output.print(
                f"Ctrl-C stops everything that this command has started; {where}.", highlight=False, soft_wrap=True
            )
            while True:
                time.sleep(_CHECK_SECONDS)
                for role in roles.restart_ended():
                    output.print(f"role {role} had ended and was started again", style="yellow")
