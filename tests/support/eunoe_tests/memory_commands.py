"""`eunoe memory ...` for tests: typed for a scope, answered by a consumer without a model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
    scope: Sequence[str]

    async def shown(self, *words: str, code: int = 0, **changes: object) -> str:
        """Run a command and return the words that a person sees, in a terminal of 80 columns, without its frames."""
        log = await run(self.clis, "memory", *words, *self.scope, *_PATIENCE, code=code, **changes)
        assert [line for line in log.splitlines() if len(line) > 80 and line.startswith(("┃", "│"))] == []
        return " ".join(re.sub("[│┃]", " ", log).split())

    async def json(self, *words: str) -> Any:
        """Run a command and return the document that a program gets."""
        return await run_json(self.clis, "memory", *words, *self.scope, *_PATIENCE)

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
    # By its id, since a name is looked up in the database each time.
    return MemoryCommands(clis, ("--tenant", str(tenant), "--user", "ada"))


def of_agent(clis: Clis, tenant: UUID) -> MemoryCommands:
    """Return the commands for an agent with every user."""
    return MemoryCommands(clis, ("--tenant", str(tenant), "--agent", str(AGENT)))


def of_both(clis: Clis, tenant: UUID) -> MemoryCommands:
    """Return the commands for that agent with Ada."""
    return MemoryCommands(clis, ("--tenant", str(tenant), "--agent", str(AGENT), "--user", "ada"))
