"""Values from outside are text at a terminal: no command reads them as markup, or passes control characters on."""

import json
import re
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis

from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.commands import run, run_json
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

AGENT = "22222222-2222-4222-8222-222222222222"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
MARKUP = "we[/b]ird [red]x[/red] [link=file:///etc]y[/link] :smile:"
# A colour, a title, a copy to the clipboard, a hyperlink, and C1's own CSI; then characters that hide what is before.
CODES = "\x1b[31m\x1b]0;title\x07\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\z\x9b2J\r\b\x7f\u202edlrow\u2066"
HOSTILE = f"{MARKUP} {CODES}"
NAME = f"{HOSTILE}\nsecond line"


async def test_hostile_values_are_shown_as_text(clis: Clis, redis: Redis, tmp_path: Path, tenant: UUID) -> None:
    """Tenants, speakers, contents, ids, file names and wrong arguments, in every command that shows them."""
    assert tenant
    shown: dict[str, str] = {}

    async def show(*arguments: str, code: int = 0) -> str:
        log = await run(clis, *arguments, code=code)
        assert not CONTROLS.search(log), (arguments, log)
        shown.setdefault(" ".join(arguments[:2]), "".join(log.split()))
        return log

    await clis.consume("window", "embed", "recall", "curate", embedder="hash", purpose="test")
    added = await run_json(clis, "tenant", "add", NAME)
    assert added["name"] == NAME, "JSON for programs is exact"
    await show("tenant", "list")
    scope = ("--tenant", added["id"], "--agent", AGENT, "--user", HOSTILE)
    await show("publish", *scope, "--content", f"{HOSTILE}\nsecond", "--speaker", NAME, "--event-id", HOSTILE)
    await redis.xadd(
        stream(Subject.MESSAGES), {"__data__": json.dumps({"event_id": HOSTILE, HOSTILE: 1}), HOSTILE: b"\x1b[2J"}
    )
    for group in (Group.WINDOW, Group.EMBED):
        await wait_until(lambda group=group: consumed(redis, group))
    await show("recall", *scope, "second")
    await show("recall", *scope, "second", "--window", "0", "--explain", "--neighbours")
    await show("dead", "list")
    (letter,) = await run_json(clis, "dead", "list", "embed")
    await show("dead", "show", "embed", letter["id"])
    await show("memory", "remember", f"{HOSTILE}\nsecond", "--tag", MARKUP, *scope)
    await show("memory", "list", *scope)
    (memory,) = (await run_json(clis, "memory", "list", *scope))["memories"]
    await show("memory", "get", memory["id"], *scope)
    indented = await run(clis, "memory", "request", "list", "{}", *scope)
    assert json.loads(indented)["memories"][0]["content"] == f"{HOSTILE}\nsecond"
    assert not CONTROLS.search(indented)
    for name in ("tenant list", "recall --tenant", "dead show", "memory list", "memory get"):
        assert "we[/b]ird[red]x[/red]" in shown[name], name
        assert ":smile:" in shown[name], name
        assert r"\x1b[31m\x1b]0;title\x07" in shown[name] or r"\u001b[31m" in shown[name], name
    # Wrong values in errors.
    file = tmp_path / f"chat{HOSTILE.replace('/', '_')}.jsonl"
    file.write_text(json.dumps({"event_id": HOSTILE, HOSTILE: HOSTILE}) + "\n", encoding="utf-8")
    await show("replay", str(file), "--tenant", added["id"], code=1)
    await show("replay", f"{file}x", code=2)
    await show("tenant", "remove", f"{NAME}x", "--yes", code=2)
    await show("tenant", NAME, code=2)
    await show("recall", *scope, "second", f"--{CODES}", code=2)
    await show("dead", "show", "embed", HOSTILE, code=2)
    await show("memory", "request", HOSTILE, "{}", *scope, code=2)
    assert "removed" in await show("tenant", "remove", NAME, "--yes")
