"""`eunoe publish` and `eunoe recall` by the real command line on real servers."""

from uuid import UUID

from redis.asyncio import Redis

from eunoe_schema.streams import Group, Subject, stream
from eunoe_tests.commands import run, run_json
from eunoe_tests.events import AGENT
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed
from eunoe_tests.waiting import wait_until

MESSAGES = stream(Subject.MESSAGES)


async def test_a_message_is_published_and_recalled(clis: Clis, redis: Redis, tenant: UUID) -> None:
    """With the tenant's name or id. Recall waits for the entry of a receipt; an event id that exists adds nothing."""
    await clis.consume("window", "embed", "recall")
    scope = ["--agent", str(AGENT), "--user", "ada"]
    message = ["--content", "My cat is called Minka.", "--event-id", "m1", "--speaker", "Ada", "--channel", "slack"]
    receipt = await run_json(clis, "publish", "--tenant", "acme", *scope, *message, "--metadata", '{"a": [1]}')
    assert receipt["event_id"] == "m1"
    assert receipt["duplicate"] is False
    again = await run(clis, "publish", "--tenant", str(tenant), *scope, *message)
    assert f"was published before, as entry {receipt['entry_id']}" in again
    await wait_until(lambda: consumed(redis, Group.WINDOW, Group.EMBED))

    asked = ["recall", "--tenant", str(tenant), *scope, "What is my pet's name?", "--deadline", "20"]
    context = await run_json(clis, *asked, "--after", receipt["entry_id"], "--top-k", "3")
    assert [message["content"] for message in context["window"]] == []
    assert context["freshness"]["applied"] is True
    context = await run_json(clis, *asked)
    assert [message["speaker"] for message in context["window"]] == ["Ada"]
    (turn,) = (await run_json(clis, *asked, "--window", "0"))["turns"]
    assert (turn["event_id"], turn["content"]) == ("m1", "My cat is called Minka.")
    assert (await run_json(clis, *asked, "--window", "0", "--exclude", "m1"))["turns"] == []
    shown = await run(clis, *asked, "--window", "0")
    assert "turns, best first" in shown
    assert "Minka" in shown


async def test_publishing_needs_no_database(spawned_clis: Clis, redis: Redis, tenant: UUID) -> None:
    """A gateway's machine knows only Redis, so the tenant is given by UUID; a name needs the database."""
    message = ["--agent", str(AGENT), "--user", "ada", "--content", "hello"]
    await run(spawned_clis, "publish", "--tenant", str(tenant), *message, database_url=None)
    assert await redis.xlen(MESSAGES) == 1
    log = await run(spawned_clis, "publish", "--tenant", "acme", *message, database_url=None, code=2)
    assert "set EUNOE_DATABASE_URL; or give the tenant's UUID" in log


async def test_a_mistake_is_explained_in_one_line(clis: Clis, tenant: UUID) -> None:
    """Wrong names, ids and URLs, and servers that do not answer: the line says what to do; never a traceback."""
    message = ["--agent", str(AGENT), "--user", "ada", "--content", "hello"]
    stranger = "99999999-9999-4999-8999-999999999999"
    assert "eunoe tenant list" in await run(clis, "publish", "--tenant", "nobody", *message, code=2)
    assert "eunoe tenant add" in await run(clis, "publish", "--tenant", stranger, *message, code=1)
    log = await run(clis, "publish", "--tenant", str(tenant), *message, "--user", "x" * 257, code=2)
    assert "user_id: String should have at most 256 characters" in log
    asked = ["recall", "--tenant", str(tenant), "--agent", str(AGENT), "--user", "ada", "hello"]
    assert "eunoe consume recall" in await run(clis, *asked, "--deadline", "0.5", code=1)
    for url, code, said in (
        ("redis://127.0.0.1:1/0", 1, "127.0.0.1:1"),
        ("http://127.0.0.1", 2, "use redis://HOST:PORT/DATABASE"),
        ("redis://:s3cret/x@127.0.0.1:1/0", 2, "percent-encode"),
    ):
        for command in (["lag"], ["dead", "list"], asked):
            log = await run(clis, *command, code=code, redis_url=url, start_timeout_seconds=0.5)
            assert said in log
            assert "s3cret" not in log
