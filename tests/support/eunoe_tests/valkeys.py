"""A Valkey of a test's own, to be killed, emptied and started again."""

import shutil
from contextlib import ExitStack
from pathlib import Path

import psutil

from eunoe_consumers.devservers import embedded_servers


class Valkey:
    """A Valkey of its own, to be killed and started again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.url = stack.enter_context(embedded_servers(folder, database=False)).redis_url

    def kill(self) -> None:
        """End it as a power cut would."""
        for process in psutil.process_iter(["name", "cmdline"]):
            if str(self._folder) in " ".join(process.info["cmdline"] or []) and "valkey" in (
                process.info["name"] or ""
            ):
                process.kill()
                process.wait()

    def start(self) -> None:
        """Start it again, on the same port and data."""
        assert self._stack.enter_context(embedded_servers(self._folder, database=False)).redis_url == self.url

    def lose_data(self) -> None:
        """Delete what a killed one has written: it starts empty, as one without persistence does."""
        for place in self._folder.rglob("appendonlydir"):
            shutil.rmtree(place)
