"""`eunoe memory ...` for tests: typed for a scope, answered by a consumer without a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eunoe_tests.commands import run, run_json
from eunoe_tests.events import AGENT
from eunoe_tests.processes import Clis

# A machine that is busy with other tests answers late; nothing here waits for so long by itself.
_PATIENCE = ("--deadline", "60")


@dataclass(frozen=True)
class MemoryCommands:
    """The commands for one scope.

    Attributes:
        clis: Starts them.
        scope: The options that say whose memories.
    """

    clis: Clis
    scope: Sequence[str] = ("--tenant", "acme", "--user", "ada")

    async def shown(self, *words: str, code: int = 0, **changes: object) -> str:
        """Run a command and return what a person sees; what it answers fits a terminal of 80 columns."""
        log = await run(self.clis, "memory", *words, *self.scope, *_PATIENCE, code=code, **changes)
        assert [line for line in log.splitlines() if len(line) > 80 and line.startswith(("┃", "│"))] == []
        return log

    async def json(self, *words: str) -> Any:
        """Run a command and return the document that a program gets."""
        return await run_json(self.clis, "memory", *words, *self.scope, *_PATIENCE)

    async def remember(self, content: str, *words: str) -> str:
        """Remember a text and return the memory's id."""
        (one,) = (await self.json("remember", content, *words))["remembered"]
        return one["memory"]["id"]


async def memory_commands(clis: Clis, *scope: str) -> MemoryCommands:
    """Start a consumer of curated memory, and return the commands for a scope: Ada's with every agent, or another."""
    await clis.consume("curate", embedder="hash", purpose="test")
    return MemoryCommands(clis, scope or ("--tenant", "acme", "--user", "ada"))


def both(commands: MemoryCommands) -> MemoryCommands:
    """Return the same commands for an agent with Ada."""
    return MemoryCommands(commands.clis, ("--tenant", "acme", "--agent", str(AGENT), "--user", "ada"))
