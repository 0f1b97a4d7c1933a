"""`eunoe memory`: what is remembered, by the real command line against real servers."""

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


async def test_what_is_remembered_is_found_again(clis: Clis, tenant: UUID) -> None:
    """By its id, by filters, page by page, by meaning; the same content again confirms it, and near ones are told."""
    ada = await memory_commands(clis, tenant)
    fear = ["--metadata", '{"stressor": true, "emotion": "fear"}', "--tag", "health"]
    first = await ada.remember("Ada is afraid of [flying].", *fear)
    again = await ada.shown("remember", "ada is afraid  of [FLYING].")
    assert f"confirmed {first}" in again
    assert "confidence is 0.82 now" in again
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
    assert [memory["id"] for memory in (await of_both(clis, tenant).json("list", "--session", "s1"))["memories"]] == [
        train
    ]
    listed = await ada.shown("list", "--limit", "1")
    assert "goes on, --all shows everything" in listed
    assert "there is no such memory" in await ada.shown("list", "--category", "episodic")

    best, *others = (await ada.json("search", "who is afraid of [flying]", "--limit", "2"))["found"]
    assert best["memory"]["id"] == first
    assert others[0]["distance"] > best["distance"] >= 0
    searched = await ada.shown("search", "who is afraid of [flying]", "--min-cosine", "0.5")
    assert first in searched
    assert "distance 0." in searched


async def test_what_a_memory_says_is_changed(clis: Clis, tenant: UUID) -> None:
    """Revised, superseded, merged, tagged; a version that is not its own any more is refused, as is a taken content."""
    ada = await memory_commands(clis, tenant)
    home, other = await ada.remember("Ada lives in Vienna."), await ada.remember("Ada moved to Graz.", "--tag", "moved")
    log = await ada.shown("revise", home, "--content", "x", "--version", "7", code=1)
    assert f"memory {home} has version 1, not 7" in log
    assert f"memory {other} of the same owner holds" in await ada.shown(
        "revise", home, "--content", "Ada moved to Graz.", code=1
    )
    revised = await ada.json(
        "revise", home, "--content", "Ada lived in Vienna.", "--confidence", "0.5", "--version", "1"
    )
    assert (revised["content"], revised["confidence"], revised["version"]) == ("Ada lived in Vienna.", 0.5, 2)
    said = await ada.json("history", home)
    assert [(one["version"], one["content"]) for one in said["versions"]] == [
        (2, "Ada lived in Vienna."),
        (1, "Ada lives in Vienna."),
    ]
    assert "Ada lives in Vienna." in await ada.shown("history", home, "--before", "2")
    assert "nothing to revise" in await ada.shown("revise", home, code=2)
    assert "contradict" in await ada.shown("revise", home, "--never-expires", "--expires-at", "2027-01-01", code=2)

    assert (await ada.json("tag", home, "past", "city"))["tags"] == ["city", "past"]
    assert "has the tags: past" in await ada.shown("untag", home, "city")

    replaced = await ada.json("supersede", other, "Ada lives in Graz.", "--tier", "personal", "--request-id", "r1")
    new = replaced["memory"]["id"]
    assert [memory["superseded_by"] for memory in replaced["replaced"]] == [new]
    assert (replaced["memory"]["tier"], replaced["memory"]["tags"]) == ("personal", ["moved"])  # the old one's
    repeated = await ada.json("supersede", other, "Ada lives in Graz.", "--tier", "personal", "--request-id", "r1")
    assert repeated == replaced
    reused = await ada.shown("supersede", new, "Ada lives in Wien.", "--request-id", "r1", code=1)
    assert "'r1' was used for another request" in reused

    merged = await ada.shown("merge", home, new, "--content", "Ada lived in Vienna, then in Graz.")
    assert f"is in the place of {home}, {new}" in merged
    (whole,) = (await ada.json("list"))["memories"]
    assert f"it replaced {home}" in await ada.shown("history", whole["id"])
    assert "at least two" in await ada.shown("merge", home, "--content", "x", code=2)
    (left,) = (await ada.json("list"))["memories"]
    assert left["content"] == "Ada lived in Vienna, then in Graz."


async def test_a_memorys_life_is_decided(clis: Clis, tenant: UUID) -> None:
    """Approved, rejected, archived, restored, forgotten, purged; what its state does not allow names what it does."""
    ada = await memory_commands(clis, tenant)
    one = await ada.remember("Ada likes tea.", "--review")
    refused = await ada.shown("archive", one, code=1)
    assert f"memory {one} is pending_review: archive is not allowed, only approve, reject" in refused
    assert "is active" in await ada.shown("approve", one)
    assert "is archived" in await ada.shown("archive", one)
    assert (await ada.json("restore", one))["status"] == "active"
    assert "is forgotten" in await ada.shown("forget", one)
    log = await ada.shown("get", one, code=1)
    assert f"there is no memory {one} that applies to this scope: `eunoe memory list` shows those that do" in log
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


async def test_what_became_of_memories_is_told_and_noted(clis: Clis, tenant: UUID) -> None:
    """Put into a prompt, found useful: the consumer notes it soon after."""
    ada = await memory_commands(clis, tenant)
    one = await ada.remember("Ada likes tea.")
    assert "told of 1" in await ada.shown("injected", one)
    assert (await ada.json("feedback", one, "useful"))["score"] == 1
    assert "from 0 to 1" in await ada.shown("feedback", one, "very", code=2)

    async def noted() -> bool:
        memory = await ada.json("get", one)
        return memory["last_injected_at"] is not None and memory["usefulness"] > 0.5

    await wait_until(noted)


async def test_a_file_is_remembered_as_a_whole_or_not_begun(clis: Clis, tenant: UUID, tmp_path: Path) -> None:
    """Wrong lines are named before anything is sent; sent again with its request id, nothing is done twice."""
    ada = await memory_commands(clis, tenant)
    file = tmp_path / "memories.jsonl"
    lines = [json.dumps({"content": f"fact {number} of {uuid4()}", "tags": ["file"]}) for number in range(120)]
    file.write_text("\n".join([*lines, '{"contents": "x"}', "{"]), encoding="utf-8")
    log = await ada.shown("remember", "--file", str(file), code=2)
    assert "line 121: content: Field required" in log
    assert "line 122: it is not JSON" in log
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


async def test_a_file_that_was_stopped_can_go_on(clis: Clis, redis: Redis, tenant: UUID, tmp_path: Path) -> None:
    """Without an answer, or after Ctrl-C, the request id is named under which nothing is done twice."""
    file = tmp_path / "memories.jsonl"
    file.write_text('\n{"content": "one"}\n{"content": "two"}\n', encoding="utf-8")
    words = ["memory", "remember", "--tenant", str(tenant), "--user", "ada", "--file", str(file)]
    log = await run(clis, *words, "--deadline", "0.5", "--request-id", "r1", code=1)
    assert "lines 2-3: no reply within 0.5 s" in log
    assert "the same command with --request-id r1 goes on, and does nothing twice (0 of 2 are remembered)" in log

    stopped = clis.start(*words, "--request-id", "r1")
    await wait_until(lambda: _waiting(redis, 2))
    stopped.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(stopped.process.wait) == 130
    assert "the same command with --request-id r1 goes on" in stopped.log

    ada = await memory_commands(clis, tenant)
    assert "2 lines: 2 remembered" in await ada.shown("remember", "--file", str(file), "--request-id", "r1")
    assert {memory["confidence"] for memory in (await ada.json("list"))["memories"]} == {0.8}


async def _waiting(redis: Redis, requests: int) -> bool:
    return await redis.xlen(stream(Subject.MEMORY)) == requests


async def test_what_a_user_gets_wrong_is_said_in_a_line(clis: Clis, tenant: UUID) -> None:
    """Nobody's memories, another's, no such tenant, a broken contract, and no consumer; never a traceback."""
    nobody = MemoryCommands(clis, ("--tenant", str(tenant)))
    assert "give --agent, --user, or both" in await nobody.shown("list", code=2)
    ada = of_ada(clis, tenant)
    for words, said in (
        (["remember", ""], "content: String should have at least 1 character"),
        (["remember", "x", "--metadata", "[1]"], "a JSON object is needed"),
        (["remember", "x", "--expires-at", "soon"], "'soon' is not a time"),
        (["remember", "x", "--expires-at", "1999-01-01"], "1999-01-01 00:00 is past"),
        (["remember", "x", "--session", "s"], "--session-agent"),
        (["list", "--status", "active", "--any-status"], "contradict"),
        (["get", "x"], "UUID"),
    ):
        assert said in await ada.shown(*words, code=2)
    assert "eunoe tenant list" in await MemoryCommands(clis, ("--tenant", "x", "--user", "a")).shown("list", code=2)

    quick = ["--tenant", str(tenant), "--user", "ada", "--deadline", "0.5"]
    log = await run(clis, "memory", "remember", "x", *quick, "--request-id", "r7", code=1)
    assert "`eunoe consume curate`" in log
    assert "--request-id r7 does it once" in log
    log = await run(clis, "memory", "list", *quick, code=1)
    assert "`eunoe consume curate`" in log
    assert "--request-id" not in log

    await memory_commands(clis, tenant)
    one = await ada.remember("Ada likes tea.")
    assert "nothing awaits review" in await ada.shown("remember", "ada likes TEA.", "--review")
    nowhere = await ada.shown("list", "--collection", str(uuid4()), code=1)
    assert "`eunoe memory collection list` shows those that do" in nowhere
    stranger = MemoryCommands(clis, ("--tenant", str(tenant), "--user", "ben", "--agent", str(AGENT)))
    for words in (["get", one], ["forget", one], ["purge", one, "--yes"]):
        assert f"there is no memory {one}" in await stranger.shown(*words, code=1)
