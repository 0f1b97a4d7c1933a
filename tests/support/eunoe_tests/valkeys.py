"""A Valkey server for one test, which may kill it, empty it and start it again."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import psutil

from eunoe_consumers.devservers import embedded_servers


class Valkey:
    """A Valkey server that a test can kill and start again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.url = stack.enter_context(embedded_servers(folder, database=False)).redis_url

    def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would."""
        for process in psutil.process_iter(["name", "cmdline"]):
            if str(self._folder) in " ".join(process.info["cmdline"] or []) and "valkey" in (
                process.info["name"] or ""
            ):
                process.kill()
                process.wait()

    def start(self) -> None:
        """Start it again on the same port with the same data."""
        assert self._stack.enter_context(embedded_servers(self._folder, database=False)).redis_url == self.url

    def lose_data(self) -> None:
        """Delete the files of the killed server: it starts empty, as a server without persistence would."""
        for place in self._folder.rglob("appendonlydir"):
            shutil.rmtree(place)
