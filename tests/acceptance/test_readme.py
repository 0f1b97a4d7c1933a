"""README's examples are run as they stand."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis

from eunoe_schema.streams import Group
from eunoe_tests.commands import run
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

_README = Path(__file__).parents[2] / "README.md"
_MEMORY = re.compile(r"^\.venv/bin/eunoe (memory .*)$", re.MULTILINE)
_PROGRAM = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)


def _programs() -> dict[str, str]:
    return dict(_PROGRAM.findall(_README.read_text(encoding="utf-8")))


async def _add_tenant(clis: Clis) -> None:
    """Register the one tenant that the programs name."""
    texts = _programs().values()
    (tenant,) = {UUID(found) for text in texts for found in re.findall(r'TENANT = UUID\("(.*)"\)', text)}
    await run(clis, "tenant", "add", "acme", "--id", str(tenant))


async def _run(name: str, redis_url: str, folder: Path) -> str:
    """Run a program as a newcomer would, and return what it prints."""
    path = folder / name
    await asyncio.to_thread(path.write_text, _programs()[name], encoding="utf-8")
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


async def test_the_example_publishes_and_recalls(clis: Clis, redis: Redis, redis_url: str, tmp_path: Path) -> None:
    """The two programs, copied from README, do what README says."""
    assert _programs().keys() == {"gateway.py", "orchestrator.py", "curator.py"}
    await _add_tenant(clis)
    await clis.consume("window", "embed", "recall")
    assert (await _run("gateway.py", redis_url, tmp_path)).count("duplicate=False") == 3
    assert (await _run("gateway.py", redis_url, tmp_path)).count("duplicate=True") == 3
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    (best,) = (await _run("orchestrator.py", redis_url, tmp_path)).splitlines()
    assert best.endswith("user: I moved to Graz in May.")


async def test_the_example_remembers_and_finds(clis: Clis, redis_url: str, tmp_path: Path) -> None:
    """The program for curated memory, then the commands below it, with the id that the first one prints."""
    await _add_tenant(clis)
    await clis.consume("curate")
    best, stressor = (await _run("curator.py", redis_url, tmp_path)).splitlines()
    assert best.endswith(": Ada's cat is called Minka.")
    assert stressor == "stressor: Ada is afraid of flying."

    first, *others = [shlex.split(line) for line in _MEMORY.findall(_README.read_text(encoding="utf-8"))]
    memory_id = (await run(clis, *first)).split()[-1]
    shown = [await run(clis, *(memory_id if word == "ID" else word for word in words)) for words in others]
    assert "Ada is afraid of flying." in shown[0]
    assert "Ada moved to Graz in May." in shown[1]
    assert "Ada lives in Graz." in shown[2]
    assert f"{memory_id} is forgotten" in shown[3]
