"""`eunoe memory`: what surrounds memories, by the real command line against real servers."""

import json
from pathlib import Path
from uuid import UUID, uuid4

from eunoe_tests.events import AGENT
from eunoe_tests.memory_commands import MemoryCommands, memory_commands, of_agent, of_both
from eunoe_tests.processes import Clis


async def test_relations_are_made_walked_and_taken_back(clis: Clis, tenant: UUID) -> None:
    """To a depth, in a direction, over types; said twice it is one relation; none with itself."""
    ada = await memory_commands(clis, tenant)
    one, two, three = [await ada.remember(f"{name} is a fact.") for name in ("This", "That", "Another")]
    assert (await ada.json("relate", one, "supports", two))["changed"] is True
    assert "as was said before" in await ada.shown("relate", one, "supports", two)
    await ada.json("relate", two, "causes", three)
    assert [found["memory"]["id"] for found in (await ada.json("walk", one))["reached"]] == [two]
    deep = await ada.json("walk", one, "--depth", "2", "--direction", "out")
    assert [(found["memory"]["id"], found["depth"]) for found in deep["reached"]] == [(two, 1), (three, 2)]
    shown = await ada.shown("walk", one, "--depth", "2")
    assert f"where 0 is {one}" in shown
    assert "0 supports 1" in shown
    assert "1 causes 2" in shown
    assert "nothing can be reached" in await ada.shown("walk", one, "--type", "causes")
    assert "taken back" in await ada.shown("unrelate", one, "supports", two)
    assert (await ada.json("unrelate", one, "supports", two))["changed"] is False
    assert "not related to itself" in await ada.shown("relate", one, "supports", one, code=2)
    assert "'supports'" in await ada.shown("relate", one, "likes", two, code=2)
    assert "there is no memory" in await ada.shown("relate", one, "supports", str(uuid4()), code=1)


async def test_a_collection_holds_memories(clis: Clis, tenant: UUID) -> None:
    """Made once by type and name, filled, listed, renamed, emptied, deleted; its memories stay."""
    ada = await memory_commands(clis, tenant)
    one, two = await ada.remember("Graz has a clock tower."), await ada.remember("Vienna has a tram.")
    trip = (await ada.json("collection", "create", "Trip", "--type", "project", "--description", "May"))["id"]
    assert "take another name" in await ada.shown("collection", "create", "Trip", "--type", "project", code=1)
    assert (await ada.json("collection", "add", trip, one, two))["members"] == 2
    assert (await ada.json("collection", "remove", trip, two))["members"] == 1
    assert [memory["id"] for memory in (await ada.json("list", "--collection", trip))["memories"]] == [one]
    assert trip in await ada.shown("collection", "list", "--type", "project")
    assert "no such collection" in await ada.shown("collection", "list", "--type", "other")
    changed = await ada.json("collection", "update", trip, "--name", "Trips", "--version", "1")
    assert (changed["name"], changed["version"]) == ("Trips", 2)
    assert "has version 2, not 1" in await ada.shown(
        "collection", "update", trip, "--name", "x", "--version", "1", code=1
    )
    assert "nothing to update" in await ada.shown("collection", "update", trip, code=2)
    assert "Trips" in await ada.shown("collection", "get", trip)
    assert "Its memories stay." in await ada.shown("collection", "delete", trip, code=1)
    assert await ada.json("collection", "delete", trip, "--yes") == {"deleted": trip}
    log = await ada.shown("collection", "get", trip, code=1)
    assert f"there is no collection {trip} that applies to this scope: `eunoe memory collection list`" in log
    assert len((await ada.json("list"))["memories"]) == 2


async def test_sessions_and_their_checkpoints(clis: Clis, tenant: UUID, tmp_path: Path) -> None:
    """Opened, listed, closed; a state is saved from the command line or a file, and the latest is loaded."""
    ada = await memory_commands(clis, tenant)
    both = of_both(clis, tenant)
    assert "Missing option '--agent'" in await ada.shown("session", "list", code=2)
    opened = await both.json("session", "open", "s1", "--channel", "slack", "--metadata", '{"topic": "travel"}')
    assert (opened["channel"], opened["metadata"], opened["closed_at"]) == ("slack", {"topic": "travel"}, None)
    await both.json("session", "open", "s2")
    assert "closed (requested)" in await both.shown("session", "close", "s2")
    assert [found["session_id"] for found in (await both.json("session", "list", "--open"))["sessions"]] == ["s1"]
    assert "closed (requested)" in await both.shown("session", "list")
    assert "travel" in await both.shown("session", "get", "s1")
    assert "`eunoe memory session list` shows" in await both.shown("session", "get", "s3", code=1)

    first = await both.json("checkpoint", "save", "s1", '{"step": 1}', "--name", "plan")
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"step": 2}), encoding="utf-8")
    assert "is saved" in await both.shown("checkpoint", "save", "s1", "--file", str(file))
    assert (await both.json("checkpoint", "load", "s1"))["checkpoint"]["state"] == {"step": 2}
    assert '"step": 1' in await both.shown("checkpoint", "load", "s1", "--name", "plan")
    assert (await both.json("checkpoint", "load", "s1", "--id", first["id"]))["checkpoint"]["state"] == {"step": 1}
    assert await both.json("checkpoint", "load", "s2") == {"checkpoint": None}
    assert "`eunoe memory checkpoint list`" in await both.shown("checkpoint", "load", "s1", "--id", str(AGENT), code=1)
    assert first["id"] in await both.shown("checkpoint", "list", "s1")
    assert "a JSON object is needed" in await both.shown("checkpoint", "save", "s1", "[1]", code=2)
    assert "either the state or --file" in await both.shown("checkpoint", "save", "s1", code=2)


async def test_directives_stand_in_an_order(clis: Clis, tenant: UUID) -> None:
    """Set for every user or for one, changed, ordered, removed; what is not there is named."""
    await memory_commands(clis, tenant)
    agent = of_agent(clis, tenant)
    await agent.json("directive", "set", "tone", "Answer in one sentence.")
    await agent.json("directive", "set", "safety", "Never promise a refund.")
    changed = await agent.json("directive", "set", "tone", "Be brief.", "--version", "1")
    assert (changed["content"], changed["version"]) == ("Be brief.", 2)
    assert "has version 2, not 1" in await agent.shown("directive", "set", "tone", "x", "--version", "1", code=1)
    await of_both(clis, tenant).json("directive", "set", "language", "German.", "--place", "9")
    names = [one["name"] for one in (await of_both(clis, tenant).json("directive", "list"))["directives"]]
    assert names == ["tone", "safety", "language"]
    ordered = await agent.json("directive", "order", "safety", "tone")
    assert [one["name"] for one in ordered["directives"]] == ["safety", "tone"]
    assert "named twice: tone" in await agent.shown("directive", "order", "tone", "tone", code=2)
    assert "everyone" in await of_both(clis, tenant).shown("directive", "list")
    assert "for good?" in await agent.shown("directive", "remove", "tone", code=1)
    assert await agent.json("directive", "remove", "tone", "--yes") == {"removed": "tone"}
    assert "`eunoe memory directive list`" in await agent.shown("directive", "remove", "tone", "--yes", code=1)


async def test_old_memories_are_consolidated_and_a_tenant_is_searched(clis: Clis, tenant: UUID) -> None:
    """A group is offered and a summary takes its place; an administrator sees whose memories say what."""
    ada = await memory_commands(clis, tenant)
    ids = [await ada.remember(f"The cat Minka sleeps on the warm {place}.") for place in ("sofa", "chair")]
    old = ["consolidation", "groups", "--older-than-days", "0", "--min-cosine", "0.3"]
    (group,) = (await ada.json(*old))["groups"]
    assert [memory["id"] for memory in group["memories"]] == ids
    assert "group 1, cosine 0." in await ada.shown(*old)
    assert "speak of the same" in await ada.shown("consolidation", "groups")
    summary = await ada.json("consolidation", "replace", *ids, "--summary", "Minka sleeps wherever it is warm.")
    assert (await ada.json("get", ids[0]))["merged_into"] == summary["id"]

    await of_both(clis, tenant).remember("The dog Rex sleeps outside.")
    admin = MemoryCommands(clis, ("--tenant", str(tenant)))
    words = await admin.json("admin-search", "--words", "SLEEPS warm", "--status", "active")
    assert [found["memory"]["id"] for found in words["found"]] == [summary["id"]]
    first = await admin.json("admin-search", "--words", "sleeps", "--limit", "3")
    assert len(first["found"]) == 3
    second = await admin.json("admin-search", "--words", "sleeps", "--cursor", first["cursor"])
    assert len(second["found"]) == 1
    shown = await admin.shown("admin-search", "the dog Rex sleeps", "--limit", "1")
    assert "with user ada" in shown
    assert "either" in await admin.shown("admin-search", code=2)
    assert "--cursor goes with --words" in await admin.shown("admin-search", "x", "--cursor", "x", code=2)
