"""`eunoe replay` publishes every line once, also after a stop."""

import asyncio
import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast
from uuid import UUID

from redis.asyncio import Redis

from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.commands import run, run_json
from eunoe_tests.events import AGENT, scope_of
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed, stored_events, window_events
from eunoe_tests.waiting import wait_until

MESSAGES = stream(Subject.MESSAGES)


def write_lines(path: Path, rows: Sequence[Mapping[str, object] | str]) -> Path:
    """Write a JSON-lines file; a text is written unchanged."""
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def foreign_rows(count: int, *, chars: int = 40) -> list[Mapping[str, object] | str]:
    """Return messages with the field names of another system."""
    return [
        {"chat": "ada", "nr": number, "role": "user", "text": f"message {number} ".ljust(chars, "."), "likes": 3}
        for number in range(count)
    ]


def replay_of(file: Path, tenant: UUID, state: Path) -> list[str]:
    """Return the command that replays these rows."""
    return [
        *("replay", str(file), "--tenant", str(tenant), "--agent", str(AGENT), "--state-dir", str(state)),
        *("--field", "content=text", "--field", "event_id=nr", "--field", "user_id=chat", "--set", "channel=import"),
    ]


async def test_a_file_is_replayed_with_its_fields_mapped(
    clis: Clis, redis: Redis, database_url: str, tenant: UUID, tmp_path: Path
) -> None:
    """Every line once, in the file's order. A second run counts duplicates. No checkpoint is left."""
    state = tmp_path / "state"
    command = replay_of(write_lines(tmp_path / "chats.jsonl", foreign_rows(250)), tenant, state)
    assert "250 lines: 250 published, 0 duplicates, 0 refused" in await run(clis, *command)
    assert list(state.iterdir()) == []
    again = await run_json(clis, *command, "--from-start")
    assert (again["published"], again["duplicates"], again["refused"]) == (0, 250, 0)
    await clis.consume("window", "embed")
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    numbers = [str(number) for number in range(250)]
    assert await stored_events(database_url, scope_of(tenant)) == numbers
    assert await window_events(redis, scope_of(tenant)) == numbers[-20:]
    last = cast("list[tuple[bytes, dict[bytes, bytes]]]", await redis.xrevrange(MESSAGES, count=1))
    assert json.loads(last[0][1][b"__data__"])["channel"] == "import"


async def test_a_stopped_replay_continues_where_it_stopped(
    clis: Clis, redis: Redis, tenant: UUID, tmp_path: Path
) -> None:
    """After Ctrl-C and SIGTERM it names the line; the same command publishes the rest, and nothing twice."""
    count = 30_000
    file = await asyncio.to_thread(write_lines, tmp_path / "chats.jsonl", foreign_rows(count, chars=400))
    command = replay_of(file, tenant, tmp_path / "state")
    length = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        before = length

        async def under_way(least: int = before + 500) -> bool:
            return await redis.xlen(MESSAGES) >= least

        cli = clis.start(*command)
        await wait_until(under_way, what="lines on the stream")
        cli.process.send_signal(number)
        assert await asyncio.to_thread(cli.process.wait, 60) == 128 + number, cli.log
        length = await redis.xlen(MESSAGES)
        assert before + 500 <= length < count
        assert f"stopped after line {length}; the same command continues from there" in cli.log
    log = await run(clis, *command)
    assert f"continuing after line {length}" in log
    assert f"{count} lines: {count} published, 0 duplicates, 0 refused" in log
    assert await redis.xlen(MESSAGES) == count


async def test_a_replay_that_waits_for_the_consumers_can_be_stopped(
    clis: Clis, redis: Redis, tenant: UUID, tmp_path: Path
) -> None:
    """It waits while the backlog is full; Ctrl-C ends the waiting."""
    async with redis.pipeline(transaction=False) as pipeline:
        for number in range(100_000):
            pipeline.xadd(MESSAGES, {"number": number})
        await pipeline.execute()
    command = replay_of(write_lines(tmp_path / "chats.jsonl", foreign_rows(10)), tenant, tmp_path / "state")
    cli = clis.start(*command)

    async def connected() -> bool:
        return any(client["cmd"] == "evalsha" for client in await redis.client_list())

    await wait_until(connected, what="the publish script to be called")
    assert cli.process.poll() is None
    cli.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(cli.process.wait, 60) == 130, cli.log
    assert "stopped after line 0" in cli.log
    await redis.xtrim(MESSAGES, maxlen=0, approximate=False)
    assert "10 published, 0 duplicates" in await run(clis, *command)


async def test_refused_lines_are_shown_by_number_and_written_to_a_file(
    clis: Clis, tenant: UUID, tmp_path: Path
) -> None:
    """Valid lines are published; invalid ones are shown, counted and written with their reasons; the exit code is 1."""
    good = {"event_id": "1", "user_id": "ada", "role": "user", "content": "hello"}
    rows = [good, "", "{broken", "[]", good | {"event_id": "2", "role": "robot"}, good | {"stray": 1}, good]
    rows += [good | {"content": "edited"}, good | {"content": "\u200b"}]
    file, refused = write_lines(tmp_path / "events.jsonl", rows), tmp_path / "refused.jsonl"
    command = ["replay", str(file), "--tenant", str(tenant), "--agent", str(AGENT), "--state-dir", str(tmp_path / "s")]
    log = await run(clis, *command, "--refused", str(refused), "--show", "2", code=1)
    assert "line 3: not decodable" in log
    assert "line 4: not decodable: not a JSON object" in log
    assert "line 5" not in log
    assert "9 lines: 1 published, 1 duplicates, 5 refused, 1 conflicts" in log
    kept = [json.loads(line) for line in refused.read_text(encoding="utf-8").splitlines()]
    assert [row["line"] for row in kept] == [3, 4, 5, 6, 8, 9]
    assert kept[0]["text"] == "{broken"
    assert "role: Input should be 'user' or 'assistant'" in kept[2]["reason"]
    assert "stray: Extra inputs are not permitted" in kept[3]["reason"]
    assert kept[4]["reason"].startswith("conflict: event_id '1' names another message")
    found = await run_json(clis, *command, code=1)
    assert [row["line"] for row in found["refusals"]] == [3, 4, 5, 6, 8, 9]
    assert (found["published"], found["duplicates"], found["refused"], found["conflicts"]) == (0, 2, 5, 1)


async def test_a_replay_for_an_unknown_tenant_ends_at_once(clis: Clis, redis: Redis, tmp_path: Path) -> None:
    """It prints one error instead of one per line; wrong options are named."""
    assert await redis.dbsize() == 0
    file = write_lines(tmp_path / "chats.jsonl", foreign_rows(300))
    await run(clis, "tenant", "add", "somebody")
    stranger = UUID("99999999-9999-4999-8999-999999999999")
    log = await run(clis, *replay_of(file, stranger, tmp_path / "state"), code=1)
    assert log.count("is not registered") == 1
    assert "is not a field of an event" in await run(clis, "replay", str(file), "--set", "colour=red", code=2)
    assert "not exist" in await run(clis, "replay", str(tmp_path / "absent.jsonl"), code=2)
