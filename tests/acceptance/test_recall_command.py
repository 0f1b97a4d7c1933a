"""The options of `eunoe recall`, and the language of a tenant."""

import pytest
from redis.asyncio import Redis

from eunoe_schema.streams import Group
from eunoe_tests.commands import run, run_json
from eunoe_tests.events import AGENT
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until


async def test_recall_shows_explanations_neighbours_excerpts_and_cuts(clis: Clis, redis: Redis) -> None:
    """The parts of a score add up to it; a token budget names the turns that it cut."""
    await run(clis, "tenant", "add", "acme")
    await clis.consume("window", "embed", "recall", embedder="hash", purpose="test")
    scope = ["--tenant", "acme", "--agent", str(AGENT), "--user", "ada"]
    long = " ".join(f"word{n}" for n in range(600))
    for number, content in enumerate(["My cat is called [Minka].", "Where does she sleep?", long]):
        await run(clis, "publish", *scope, "--content", content, "--event-id", f"m{number}", "--session", "s")
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))
    asked = ["recall", *scope, "--window", "0", "--deadline", "20", "What is my cat called?"]

    plain = await run_json(clis, *asked)
    assert [(turn["explanation"], turn["before"], turn["excerpt"]) for turn in plain["turns"]] == [(None,) * 3] * 3
    full = await run_json(clis, *asked, "--explain", "--neighbours", "--excerpts", "--token-budget", "40")
    best = full["turns"][0]
    assert (best["event_id"], best["after"]["event_id"]) == ("m0", "m1")
    assert sum(best["explanation"].values()) == pytest.approx(best["score"], abs=1e-5)
    assert [found["event_id"] for found in full["cut"]] == ["m1", "m2"]  # the one with its neighbour, the long one

    shown = await run(clis, *asked, "--explain", "--neighbours", "--token-budget", "40")
    for expected in ("parts of the scores", "cosine 0.", "session 0.", "[Minka]", "after: user:", "budget: m2"):
        assert expected in shown
    assert "parts of the scores" not in await run(clis, *asked)
    excerpts = await run(clis, *asked, "--excerpts")
    assert f"of {len(long)})" in excerpts
    log = await run(clis, *asked, "--token-budget", "0", code=2)
    assert "--token-budget" in log


async def test_a_tenant_has_a_language(clis: Clis) -> None:
    """It is set when the tenant is added, and listed; an unknown language is refused with the known ones."""
    added = await run_json(clis, "tenant", "add", "acme", "--language", "german")
    assert (added["name"], added["language"]) == ("acme", "german")
    assert "english" in await run(clis, "tenant", "add", "umbrella")
    listed = await run_json(clis, "tenant", "list")
    assert {tenant["name"]: tenant["language"] for tenant in listed} == {"acme": "german", "umbrella": "english"}
    assert "german" in await run(clis, "tenant", "list")
    log = await run(clis, "tenant", "add", "other", "--language", "klingon", code=2)
    assert "'klingon' is not a language of this PostgreSQL: it knows arabic," in log
    assert "'german'" in await run(clis, "tenant", "add", "acme", "--language", "french", code=2)
