"""Commands run to their end, with what must hold of every one of them."""

import asyncio
import json
from typing import Any

from eunoe_tests.processes import Clis


async def run(clis: Clis, *arguments: str, code: int = 0, **changes: object) -> str:
    """Run a command to its end; its exit code must be `code`, and it must not have been a traceback."""
    found, log = await asyncio.to_thread(clis.run, *arguments, **changes)
    assert "Traceback" not in log, log
    assert found == code, log
    return log


async def run_json(clis: Clis, *arguments: str, code: int = 0, **changes: object) -> Any:
    """Run a command with --json and return its document, which is the last line it writes."""
    log = await run(clis, *arguments, "--json", code=code, **changes)
    return json.loads(log.splitlines()[-1])
