"""Run commands to their end, with the checks that hold for every command."""

import asyncio
import json
from typing import Any

from eunoe_tests.processes import Clis


async def run(clis: Clis, *arguments: str, code: int = 0, **changes: object) -> str:
    """Run a command to its end. Assert its exit code, and that it printed no traceback."""
    found, log = await asyncio.to_thread(clis.run, *arguments, **changes)
    assert "Traceback" not in log, log
    assert found == code, log
    return log


async def run_json(clis: Clis, *arguments: str, code: int = 0, **changes: object) -> Any:
    """Run a command with --json and return the document in its last line."""
    log = await run(clis, *arguments, "--json", code=code, **changes)
    return json.loads(log.splitlines()[-1])
