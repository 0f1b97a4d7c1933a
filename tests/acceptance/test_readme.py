"""README's example is run as it stands."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis

from eunoe_schema.streams import Group
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

_README = Path(__file__).parents[2] / "README.md"
_PROGRAM = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)


async def test_the_example_publishes_and_recalls(clis: Clis, redis: Redis, redis_url: str, tmp_path: Path) -> None:
    """The two programs, copied from README, do what README says."""
    programs = dict(_PROGRAM.findall(_README.read_text(encoding="utf-8")))
    assert programs.keys() == {"gateway.py", "orchestrator.py"}
    (tenant,) = {UUID(found) for text in programs.values() for found in re.findall(r'TENANT = UUID\("(.*)"\)', text)}
    code, log = await asyncio.to_thread(clis.run, "tenant", "add", "acme", "--id", str(tenant))
    assert code == 0, log
    await clis.consume("window", "embed", "recall")

    async def run(name: str) -> str:
        path = tmp_path / name
        await asyncio.to_thread(path.write_text, programs[name], encoding="utf-8")
        finished = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, str(path)],
            env={**os.environ, "EUNOE_REDIS_URL": redis_url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    assert (await run("gateway.py")).count("duplicate=False") == 3
    assert (await run("gateway.py")).count("duplicate=True") == 3
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    (best,) = (await run("orchestrator.py")).splitlines()
    assert best.endswith("user: I moved to Graz in May.")
