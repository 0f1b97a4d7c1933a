"""`eunoe memory`: the commands that people type, by the real command line on real servers."""

import asyncio
import json
import signal
from pathlib import Path
from uuid import UUID, uuid4

from redis.asyncio import Redis

from eunoe_schema.streams import Subject, stream
from eunoe_tests.commands import run
from eunoe_tests.events import AGENT
from eunoe_tests.memory_commands import MemoryCommands, memory_commands, of_ada, of_both
from eunoe_tests.processes import Clis
from eunoe_tests.waiting import wait_until


async def test_remembered_memories_are_found_again(clis: Clis, tenant: UUID) -> None:
    """By id, by filters, by page, by meaning; the same content confirms a memory; near duplicates are shown."""
    ada = await memory_commands(clis, tenant)
    fear = ["--metadata", '{"stressor": true, "emotion": "fear"}', "--tag", "health"]
    first = await ada.remember("Ada is afraid of [flying].", *fear)
    again = await ada.shown("remember", "Ada is afraid of [flying].")
    assert f"confirmed {first}" in again
    assert "confidence is now 0.82" in again
    near = await ada.shown("remember", "Ada is really afraid of [flying].", "--tier", "project")
    assert "remembered as" in near
    train = await of_both(clis, tenant).remember("A train to Graz is booked.", "--tier", "task", "--session", "s1")

    found = await ada.json("get", first)
    assert (found["content"], found["tags"], found["user_id"], found["agent_id"]) == (
        "Ada is afraid of [flying].",
        ["health"],
        "ada",
        None,
    )
    shown = await ada.shown("get", first)
    assert "Ada is afraid of [flying]." in shown
    assert "user ada with every agent" in shown

    stressors = await ada.json("list", "--metadata", '{"stressor": true}', "--tag", "health", "--tier", "personal")
    assert ([memory["id"] for memory in stressors["memories"]], stressors["cursor"]) == ([first], None)
    page = await of_both(clis, tenant).json("list", "--limit", "2")
    rest = await of_both(clis, tenant).json("list", "--cursor", page["cursor"])
    every = await of_both(clis, tenant).json("list", "--all")
    assert [memory["id"] for memory in page["memories"] + rest["memories"]] == [
        memory["id"] for memory in every["memories"]
    ]
    assert every["memories"][0]["id"] == train
    assert len(every["memories"]) == 3
    session = json.dumps({"session": {"agent_id": str(AGENT), "user_id": "ada", "session_id": "s1"}})
    assert [memory["id"] for memory in (await of_both(clis, tenant).json("list", "--filter", session))["memories"]] == [
        train
    ]
    listed = await ada.shown("list", "--limit", "1")
    assert "continues, --all shows everything" in listed
    assert "there is no such memory" in await ada.shown("list", "--category", "episodic")

    best, *others = (await ada.json("search", "who is afraid of [flying]", "--limit", "2"))["found"]
    assert best["memory"]["id"] == first
    assert others[0]["distance"] > best["distance"] >= 0
    searched = await ada.shown("search", "who is afraid of [flying]", "--min-cosine", "0.5")
    assert first in searched
    assert "distance 0." in searched


async def test_the_state_of_a_memory_is_changed(clis: Clis, tenant: UUID) -> None:
    """It is approved, rejected, archived, restored, forgotten, purged; a refusal names the actions that are allowed."""
    ada = await memory_commands(clis, tenant)
    one = await ada.remember("Ada likes tea.", "--review")
    refused = await ada.shown("archive", one, code=1)
    assert f"memory {one} is pending_review: archive is not allowed, only approve, reject" in refused
    assert "is active" in await ada.shown("approve", one)
    assert "is archived" in await ada.shown("archive", one)
    assert (await ada.json("restore", one))["status"] == "active"
    assert "is forgotten" in await ada.shown("forget", one)
    log = await ada.shown("get", one, code=1)
    assert (
        f"there is no memory {one} that applies to this scope: `eunoe memory list` shows the memories that apply" in log
    )
    assert (await ada.json("get", one, "--forgotten"))["deleted_at"]
    assert [memory["id"] for memory in (await ada.json("list", "--forgotten"))["memories"]] == [one]

    asked = await ada.shown("purge", one, code=1)
    assert "for good?" in asked
    assert (await ada.json("list", "--forgotten"))["memories"]
    assert await ada.json("purge", one, "--yes") == {"purged": one}
    assert (await ada.json("list", "--forgotten"))["memories"] == []

    other = await ada.remember("Ada likes coffee.", "--review")
    assert "is archived" in await ada.shown("reject", other)
    assert [memory["id"] for memory in (await ada.json("list", "--any-status"))["memories"]] == [other]


async def test_uses_of_memories_are_recorded(clis: Clis, tenant: UUID) -> None:
    """An injection and a rating are counted soon after the request."""
    ada = await memory_commands(clis, tenant)
    one = await ada.remember("Ada likes tea.")
    await ada.json("request", "injected", json.dumps({"memory_ids": [one]}))
    await ada.json("request", "feedback", json.dumps({"memory_id": one, "score": 1}))

    async def recorded() -> bool:
        memory = await ada.json("get", one)
        return memory["last_injected_at"] is not None and memory["usefulness"] > 0.5

    await wait_until(recorded)


async def test_a_file_with_a_wrong_line_is_not_remembered(clis: Clis, tenant: UUID, tmp_path: Path) -> None:
    """Wrong lines are named before anything is sent; a file sent again with its request id changes nothing."""
    ada = await memory_commands(clis, tenant)
    file = tmp_path / "memories.jsonl"
    lines = [json.dumps({"content": f"fact {number} of {uuid4()}", "tags": ["file"]}) for number in range(120)]
    file.write_text("\n".join([*lines, '{"contents": "x"}', "{"]), encoding="utf-8")
    log = await ada.shown("remember", "--file", str(file), code=2)
    assert "line 121: content: Field required" in log
    assert "line 122: this is not JSON" in log
    assert "2 of 122 lines are wrong, and nothing was remembered" in log
    assert (await ada.json("list"))["memories"] == []

    file.write_text("\n".join(lines), encoding="utf-8")
    sent = ["remember", "--file", str(file), "--tier", "project", "--request-id", "import-1"]
    assert "120 lines: 120 remembered, 0 confirmed" in await ada.shown(*sent)
    assert len((await ada.json(*sent))["remembered"]) == 120
    listed = (await ada.json("list", "--all", "--tier", "project", "--tag", "file"))["memories"]
    assert {(memory["confidence"], memory["version"]) for memory in listed} == {(0.8, 1)}
    assert len(listed) == 120
    other = await ada.shown(*sent, "--category", "episodic", code=1)
    assert "lines 1-100: request_id: 'import-1:1' was used for another request" in other
    assert "does not exist" in await ada.shown("remember", "--file", str(tmp_path / "none"), code=2)
    assert "either a text or --file" in await ada.shown("remember", code=2)


async def test_a_stopped_file_can_be_continued(clis: Clis, redis: Redis, tenant: UUID, tmp_path: Path) -> None:
    """Without a reply, or after Ctrl-C, the command names the request id that does nothing twice."""
    file = tmp_path / "memories.jsonl"
    file.write_text('\n{"content": "one"}\n{"content": "two"}\n', encoding="utf-8")
    words = ["memory", "remember", "--tenant", str(tenant), "--user", "ada", "--file", str(file)]
    log = await run(clis, *words, "--deadline", "0.5", "--request-id", "r1", code=1)
    assert "lines 2-3: no reply within 0.5 s" in log
    assert "the same command with --request-id r1 continues, and does nothing twice (0 of 2 are remembered)" in log

    stopped = clis.start(*words, "--request-id", "r1")
    await wait_until(lambda: _waiting(redis, 2))
    stopped.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(stopped.process.wait) == 130
    assert "the same command with --request-id r1 continues" in stopped.log

    ada = await memory_commands(clis, tenant)
    assert "2 lines: 2 remembered" in await ada.shown("remember", "--file", str(file), "--request-id", "r1")
    assert {memory["confidence"] for memory in (await ada.json("list"))["memories"]} == {0.8}


async def _waiting(redis: Redis, requests: int) -> bool:
    return await redis.xlen(stream(Subject.MEMORY)) == requests


async def test_a_mistake_is_explained_in_a_line(clis: Clis, tenant: UUID) -> None:
    """No owner, another owner, an unknown tenant, a broken contract, no consumer; never a traceback."""
    without_owner = MemoryCommands(clis, ("--tenant", str(tenant)))
    assert "give --agent, --user, or both" in await without_owner.shown("list", code=2)
    ada = of_ada(clis, tenant)
    for words, said in (
        (["remember", ""], "content: String should have at least 1 character"),
        (["remember", "x", "--metadata", "[1]"], "a JSON object is needed"),
        (["remember", "x", "--expires-at", "soon"], "'soon' is not a time"),
        (["remember", "x", "--expires-at", "1999-01-01"], "1999-01-01 00:00 is past"),
        (["remember", "x", "--session", "s"], "give --agent and --user, too"),
        (["list", "--status", "active", "--any-status"], "contradict"),
        (["get", "x"], "UUID"),
    ):
        assert said in await ada.shown(*words, code=2)
    assert "eunoe tenant list" in await MemoryCommands(clis, ("--tenant", "x", "--user", "a")).shown("list", code=2)

    quick = ["--tenant", str(tenant), "--user", "ada", "--deadline", "0.5"]
    log = await run(clis, "memory", "remember", "x", *quick, "--request-id", "r7", code=1)
    assert "`eunoe consume curate`" in log
    assert "with --request-id r7, it is done only once" in log
    log = await run(clis, "memory", "list", *quick, code=1)
    assert "`eunoe consume curate`" in log
    assert "--request-id" not in log

    await memory_commands(clis, tenant)
    one = await ada.remember("Ada likes tea.")
    assert "nothing waits for review" in await ada.shown("remember", "Ada likes tea.", "--review")
    nowhere = await ada.shown("list", "--filter", json.dumps({"collection_id": str(uuid4())}), code=1)
    assert "`eunoe memory request list_collections` shows those that apply" in nowhere
    stranger = MemoryCommands(clis, ("--tenant", str(tenant), "--user", "ben", "--agent", str(AGENT)))
    for words in (["get", one], ["forget", one], ["purge", one, "--yes"]):
        assert f"there is no memory {one}" in await stranger.shown(*words, code=1)
