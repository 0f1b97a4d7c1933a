"""`eunoe memory request`: everything without a command of its own, by the real command line on real servers."""

import json
from typing import Any
from uuid import UUID, uuid4

from eunoe_tests.events import AGENT
from eunoe_tests.memory_commands import MemoryCommands, memory_commands, of_agent, of_both
from eunoe_tests.processes import Clis


async def _request(commands: MemoryCommands, kind: str, **fields: object) -> Any:
    return await commands.json("request", kind, json.dumps(fields))


async def _refused(commands: MemoryCommands, kind: str, code: int = 1, **fields: object) -> str:
    return await commands.shown("request", kind, json.dumps(fields), code=code)


async def test_memories_are_revised_superseded_merged_and_tagged(clis: Clis, tenant: UUID) -> None:
    """The result is printed; a stale version, a content that exists, and a reused request id are refused."""
    ada = await memory_commands(clis, tenant)
    home, other = await ada.remember("Ada lives in Vienna."), await ada.remember("Ada moved to Graz.")
    log = await _refused(ada, "revise", memory_id=home, content="x", version=7)
    assert f"memory {home} has version 1, not 7" in log
    assert f"memory {other} of the same owner holds" in await _refused(
        ada, "revise", memory_id=home, content="Ada moved to Graz."
    )
    revised = (await _request(ada, "revise", memory_id=home, content="Ada lived in Vienna.", version=1))["memory"]
    assert (revised["content"], revised["version"]) == ("Ada lived in Vienna.", 2)
    said = await ada.json("history", home)
    assert [(one["version"], one["content"]) for one in said["versions"]] == [
        (2, "Ada lived in Vienna."),
        (1, "Ada lives in Vienna."),
    ]
    assert "Ada lives in Vienna." in await ada.shown("history", home, "--before", "2")
    assert "nothing to revise" in await _refused(ada, "revise", code=2, memory_id=home)
    assert (await _request(ada, "tag", memory_id=home, tags=["past", "city"]))["memory"]["tags"] == ["city", "past"]
    shown = await ada.shown("request", "untag", json.dumps({"memory_id": home, "tags": ["city"]}))
    assert '"tags": [ "past" ]' in shown

    body = json.dumps({"memory_id": other, "replacement": {"content": "Ada lives in Graz."}})
    replaced = await ada.json("request", "supersede", body, "--request-id", "r1")
    new = replaced["memory"]["id"]
    assert [memory["superseded_by"] for memory in replaced["replaced"]] == [new]
    assert await ada.json("request", "supersede", body, "--request-id", "r1") == replaced
    reused = await ada.shown(
        "request", "tag", json.dumps({"memory_id": new, "tags": ["a"]}), "--request-id", "r1", code=1
    )
    assert "'r1' was used for another request" in reused

    whole = "Ada lived in Vienna, then in Graz."
    merged = await _request(ada, "merge", memory_ids=[home, new], merged={"content": whole})
    (left,) = (await ada.json("list"))["memories"]
    assert (left["content"], left["id"]) == (whole, merged["memory"]["id"])
    assert f"it replaced {home}" in await ada.shown("history", left["id"])
    assert "at least 2 items" in await _refused(ada, "merge", code=2, memory_ids=[home], merged={"content": "x"})


async def test_relations_are_made_walked_and_removed(clis: Clis, tenant: UUID) -> None:
    """To a depth, in a direction; a relation exists once; no memory is related to itself."""
    ada = await memory_commands(clis, tenant)
    one, two, three = [await ada.remember(f"{name} is a fact.") for name in ("This", "That", "Another")]
    relation = {"from_id": one, "type": "supports", "to_id": two}
    assert (await _request(ada, "relate", **relation))["changed"] is True
    assert (await _request(ada, "relate", **relation))["changed"] is False
    await _request(ada, "relate", from_id=two, type="causes", to_id=three)
    deep = await _request(ada, "walk", memory_id=one, depth=2, direction="out")
    assert [(found["memory"]["id"], found["depth"]) for found in deep["reached"]] == [(two, 1), (three, 2)]
    assert (await _request(ada, "unrelate", **relation))["changed"] is True
    wrong = await _refused(ada, "relate", code=2, from_id=one, type="likes", to_id=two)
    assert "'supports'" in wrong
    absent = str(uuid4())
    assert f"there is no memory {absent}" in await _refused(ada, "relate", from_id=one, type="causes", to_id=absent)


async def test_a_collection_holds_memories(clis: Clis, tenant: UUID) -> None:
    """It is created, filled, listed, renamed and deleted; its memories stay."""
    ada = await memory_commands(clis, tenant)
    one, two = await ada.remember("Graz has a clock tower."), await ada.remember("Vienna has a tram.")
    trip = (await _request(ada, "create_collection", name="Trip", type="project"))["collection"]["id"]
    assert "choose another name" in await _refused(ada, "create_collection", name="Trip", type="project")
    added = await _request(ada, "add_members", collection_id=trip, memory_ids=[one, two])
    assert added["collection"]["members"] == 2
    await _request(ada, "remove_members", collection_id=trip, memory_ids=[two])
    listed = await ada.json("list", "--filter", json.dumps({"collection_id": trip}))
    assert [memory["id"] for memory in listed["memories"]] == [one]
    assert [found["id"] for found in (await _request(ada, "list_collections"))["collections"]] == [trip]
    await _request(ada, "update_collection", collection_id=trip, name="Trips", version=1)
    assert "has version 2, not 1" in await _refused(ada, "delete_collection", collection_id=trip, version=1)
    await _request(ada, "delete_collection", collection_id=trip)
    log = await _refused(ada, "get_collection", collection_id=trip)
    assert f"there is no collection {trip} that applies to this scope: `eunoe memory request list_collections`" in log
    assert len((await ada.json("list"))["memories"]) == 2


async def test_sessions_and_their_checkpoints(clis: Clis, tenant: UUID) -> None:
    """A session is opened, listed and closed; its state is saved, and the latest checkpoint is loaded."""
    await memory_commands(clis, tenant)
    both = of_both(clis, tenant)
    assert "agent_id and user_id" in await _refused(of_agent(clis, tenant), "list_sessions", code=2)
    await _request(both, "open_session", session_id="s1", channel="slack", metadata={"topic": "travel"})
    await _request(both, "open_session", session_id="s2")
    closed = (await _request(both, "close_session", session_id="s2"))["session"]
    assert closed["close_reason"] == "requested"
    assert [one["session_id"] for one in (await _request(both, "list_sessions", is_open=True))["sessions"]] == ["s1"]
    assert "`eunoe memory request list_sessions` shows" in await _refused(both, "get_session", session_id="s3")

    await _request(both, "save_checkpoint", session_id="s1", state={"step": 1}, name="plan")
    await _request(both, "save_checkpoint", session_id="s1", state={"step": 2})
    assert (await _request(both, "load_checkpoint", session_id="s1"))["checkpoint"]["state"] == {"step": 2}
    named = await _request(both, "load_checkpoint", session_id="s1", name="plan")
    assert named["checkpoint"]["state"] == {"step": 1}
    log = await _refused(both, "load_checkpoint", session_id="s1", checkpoint_id=str(AGENT))
    assert "`eunoe memory request list_checkpoints`" in log


async def test_directives_have_an_order(clis: Clis, tenant: UUID) -> None:
    """They are set, changed, ordered and removed; a directive that does not exist is named."""
    await memory_commands(clis, tenant)
    agent = of_agent(clis, tenant)
    await _request(agent, "set_directive", name="tone", content="Answer in one sentence.")
    await _request(agent, "set_directive", name="safety", content="Never promise a refund.")
    assert "has version 1, not 2" in await _refused(agent, "set_directive", name="tone", content="x", version=2)
    ordered = await _request(agent, "order_directives", names=["safety", "tone"])
    assert [one["name"] for one in ordered["directives"]] == ["safety", "tone"]
    await _request(agent, "remove_directive", name="tone")
    assert "`eunoe memory request list_directives`" in await _refused(agent, "remove_directive", name="tone")


async def test_old_memories_are_consolidated_and_a_tenant_is_searched(clis: Clis, tenant: UUID) -> None:
    """Groups are offered and merged; an administrator's search names the owner of each memory."""
    ada = await memory_commands(clis, tenant)
    ids = [await ada.remember(f"The cat Minka sleeps on the warm {place}.") for place in ("sofa", "chair")]
    (group,) = (await _request(ada, "consolidation_groups", older_than_days=0, min_cosine=0.3))["groups"]
    assert [memory["id"] for memory in group["memories"]] == ids
    merged = await _request(ada, "merge", memory_ids=ids, merged={"content": "Minka sleeps wherever it is warm."})
    summary = merged["memory"]["id"]
    assert (await ada.json("get", ids[0]))["merged_into"] == summary

    await of_both(clis, tenant).remember("The dog Rex sleeps outside.")
    admin = MemoryCommands(clis, ("--tenant", str(tenant)))
    words = await admin.json("admin-search", "--words", "SLEEPS warm", "--status", "active")
    assert [found["memory"]["id"] for found in words["found"]] == [summary]
    first = await admin.json("admin-search", "--words", "sleeps", "--limit", "3")
    assert len(first["found"]) == 3
    second = await admin.json("admin-search", "--words", "sleeps", "--cursor", first["cursor"])
    assert len(second["found"]) == 1
    shown = await admin.shown("admin-search", "the dog Rex sleeps", "--limit", "1")
    assert "with user ada" in shown
    assert "either" in await admin.shown("admin-search", code=2)
    assert "--cursor needs --words" in await admin.shown("admin-search", "x", "--cursor", "x", code=2)
