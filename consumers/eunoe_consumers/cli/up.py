"""`eunoe up`: run the servers and every role until it is stopped."""

import time

from eunoe_consumers.cli.console import output, print_plain
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

    The command migrates the schema first. Each role runs in its own process. A process that ends is started again.
    """
    settings = Settings()
    folder = settings.data_dir or default_data_dir()
    configure_logs(settings)

    with servers(settings) as resolved:
        migrate_up(resolved)
        with RoleProcesses(resolved, list(ProcessRole)) as roles:
            where = "your own servers keep running" if settings.redis_url else f"the data stays in {folder}"
            print_plain("Eunoe is up. To use the same servers in another terminal:")
            print_plain(f"  export EUNOE_REDIS_URL={resolved.redis_url}")
            print_plain(f"  export EUNOE_DATABASE_URL={resolved.database_url}")
            print_plain(f"Ctrl-C stops everything that this command has started; {where}.")
            while True:
                time.sleep(_CHECK_SECONDS)
                for role in roles.restart_ended():
                    output.print(f"role {role} had ended and was started again", style="yellow")
