"""Run `eunoe memory ...` in a scope, against a consumer without a model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eunoe_tests.commands import run, run_json
from eunoe_tests.events import AGENT
from eunoe_tests.processes import Clis

# A machine that is busy with other tests answers late. No test waits for this long on purpose.
_DEADLINE = ("--deadline", "60")


@dataclass(frozen=True)
class MemoryCommands:
    """The commands for one scope.

    Attributes:
        clis: The starter of commands.
        scope: The options that name tenant, agent and user.
    """

    clis: Clis
    scope: Sequence[str]

    async def shown(self, *words: str, code: int = 0, **changes: object) -> str:
        """Run a command in a terminal of 80 columns, and return its output without the frames of tables."""
        log = await run(self.clis, "memory", *words, *self.scope, *_DEADLINE, code=code, **changes)
        assert [line for line in log.splitlines() if len(line) > 80 and line.startswith(("┃", "│"))] == []
        return " ".join(re.sub("[│┃]", " ", log).split())

    async def json(self, *words: str) -> Any:
        """Run a command with --json and return its document."""
        return await run_json(self.clis, "memory", *words, *self.scope, *_DEADLINE)

    async def remember(self, content: str, *words: str) -> str:
        """Remember a text and return the memory's id."""
        (one,) = (await self.json("remember", content, *words))["remembered"]
        return one["memory"]["id"]


async def memory_commands(clis: Clis, tenant: UUID) -> MemoryCommands:
    """Start a consumer of curated memory, and return the commands for Ada with every agent."""
    await clis.consume("curate", embedder="hash", purpose="test")
    return of_ada(clis, tenant)


def of_ada(clis: Clis, tenant: UUID) -> MemoryCommands:
    """Return the commands for Ada with every agent."""
    # The id, because each command would look up a name in the database.
    return MemoryCommands(clis, ("--tenant", str(tenant), "--user", "ada"))


def of_agent(clis: Clis, tenant: UUID) -> MemoryCommands:
    """Return the commands for an agent with every user."""
    return MemoryCommands(clis, ("--tenant", str(tenant), "--agent", str(AGENT)))


def of_both(clis: Clis, tenant: UUID) -> MemoryCommands:
    """Return the commands for that agent and Ada."""
    return MemoryCommands(clis, ("--tenant", str(tenant), "--agent", str(AGENT), "--user", "ada"))
