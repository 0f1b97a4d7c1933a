"""The commands with which an operator watches and repairs a running Eunoe."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from eunoe_consumers.delivery.stream_group import ensure_groups
from eunoe_producers import Gateway
from eunoe_schema import keys
from eunoe_schema.codec import encode
from eunoe_schema.streams import Group, Subject, dead_letters, stream
from eunoe_tests.commands import run, run_json
from eunoe_tests.events import event_of, scope_of
from eunoe_tests.processes import Clis
from eunoe_tests.stores import consumed, dead, stored_events
from eunoe_tests.valkeys import Valkey
from eunoe_tests.waiting import wait_until

MESSAGES = stream(Subject.MESSAGES)


async def test_lag_counts_unread_and_pending_entries(clis: Clis, redis: Redis, redis_url: str, tenant: UUID) -> None:
    """Before any consumer exists, and with pending entries and dead letters."""
    groups = {group["group"]: group for group in (await run_json(clis, "lag"))["groups"]}
    assert [(group["exists"], group["consumers"]) for group in groups.values()] == [(False, [])] * len(Group)
    for group in (Group.WINDOW, Group.EMBED):
        await redis.xgroup_create(MESSAGES, group, id="0", mkstream=True)
    async with await Gateway.connect(redis_url) as gateway:
        await gateway.publish_many(event_of(scope_of(tenant), f"e{number}") for number in range(30))
    await redis.xreadgroup("window", "somebody", {MESSAGES: ">"}, count=10)
    await redis.xadd(dead_letters(Group.EMBED), {"reason": "test"})

    figures = await run_json(clis, "lag")
    messages = next(row for row in figures["streams"] if row["stream"] == MESSAGES)
    assert messages["length"] == 30
    assert 0 <= messages["last_seconds"] <= messages["first_seconds"] < 60
    groups = {group["group"]: group for group in figures["groups"]}
    assert (groups["window"]["lag"], groups["window"]["pending"], groups["window"]["dead"]) == (20, 10, 0)
    assert groups["window"]["oldest_pending_seconds"] == messages["first_seconds"]
    assert [(row["name"], row["pending"]) for row in groups["window"]["consumers"]] == [("somebody", 10)]
    assert (groups["embed"]["lag"], groups["embed"]["pending"], groups["embed"]["dead"]) == (30, 0, 1)
    assert groups["embed"]["oldest_pending_seconds"] is None
    shown = await run(clis, "lag")
    assert "somebody" in shown


async def test_lag_can_be_watched(clis: Clis, tenant: UUID) -> None:
    """With --json, it prints one document per line until Ctrl-C."""
    assert tenant
    cli = clis.start("lag", "--watch", "0.1", "--json")

    async def lines() -> bool:
        return cli.log.count("\n") >= 3

    await wait_until(lines)
    cli.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(cli.process.wait, 60) == 130
    assert all("groups" in json.loads(line) for line in cli.log.splitlines()[:3])


async def test_dead_letters_are_listed_shown_replayed_and_dropped(
    clis: Clis, redis: Redis, database_url: str, tenant: UUID
) -> None:
    """An entry over a limit is replayed under a higher limit; an entry that cannot be decoded is dropped."""
    scope = scope_of(tenant)
    long = encode(event_of(scope, "long", "A long message. " * 10))
    for body in (long, b"\xff not even text"):
        await redis.xadd(MESSAGES, {"__data__": body})
    strict = await clis.consume("embed", max_content_chars=100)
    await wait_until(lambda: consumed(redis, Group.EMBED))
    assert strict.stop() == 0

    listed = await run_json(clis, "dead", "list", "embed")
    assert "at most 100 are allowed" in listed[0]["reason"]
    assert [row["attempts"] for row in listed] == [1, 1]
    first, second = (row["id"] for row in listed)
    assert first in await run(clis, "dead", "list")
    assert "there is no dead letter" in await run(clis, "dead", "list", "window")
    shown = await run_json(clis, "dead", "show", "embed", first)
    assert shown["fields"] == {"__data__": long.decode()}
    assert '"event_id": "long"' in await run(clis, "dead", "show", "embed", first)
    assert r"\xff not even text" in await run(clis, "dead", "show", "embed", second)

    await clis.consume("embed")
    replayed = await run_json(clis, "dead", "replay", "embed", "--all")
    assert replayed["replayed"].keys() == {first, second}
    await wait_until(lambda: consumed(redis, Group.EMBED))
    assert await stored_events(database_url, scope) == ["long"]
    assert (await dead(redis, Group.EMBED)).keys() == {replayed["replayed"][second]}
    assert f"embed has no dead letter {first}" in await run(clis, "dead", "replay", "embed", first, code=1)

    assert "Aborted" in await run(clis, "dead", "drop", "embed", "--all", code=1)
    assert await run_json(clis, "dead", "drop", "embed", "--all", "--yes") == {"dropped": 1}
    assert await dead(redis, Group.EMBED) == {}
    for wrong in (["replay", "embed"], ["drop", "embed", "1-1", "--all"], ["show", "embed", "abc"]):
        await run(clis, "dead", *wrong, code=2)


def statuses(report: dict[str, Any]) -> dict[str, str]:
    """Return the status of each check by its name."""
    return {check["name"]: check["status"] for check in report["checks"]}


async def test_health_finds_no_fault_while_every_role_runs(clis: Clis, tenant: UUID) -> None:
    """It checks Redis, PostgreSQL, schema, vector query, tenants and a consumer of each role; the exit code is 0."""
    assert tenant
    await clis.consume(*Group)
    report = await run_json(clis, "health")
    assert report["healthy"] is True
    found = {check["name"]: check["found"] for check in report["checks"]}
    assert set(statuses(report).values()) == {"ok"}, report
    assert found["redis"].startswith("Valkey ")
    assert found["extension vector"].startswith("version 0.8")
    assert found["tenant registry"] == "1 tenant"
    assert found["role embed"].startswith("1 alive")
    assert found["vector query"].endswith(" ms")
    assert "what to do" in await run(clis, "health", "--strict")


async def test_health_names_what_fails_and_what_to_do(
    clis: Clis, redis: Redis, empty_database_url: str, tenant: UUID
) -> None:
    """An unreachable server, a missing schema, roles without consumers, a lost registry: each gives exit code 1."""
    assert tenant
    away = "postgresql://postgres@127.0.0.1:1/eunoe"
    report = await run_json(clis, "health", "--timeout", "1", code=1, database_url=away)
    (postgres,) = [check for check in report["checks"] if check["name"] == "postgresql"]
    assert postgres["status"] == "fail"
    assert "PostgreSQL is not reachable" in postgres["found"]
    assert "EUNOE_DATABASE_URL" in postgres["advice"]
    assert statuses(report)["redis"] == "ok"

    report = await run_json(clis, "health", "--timeout", "1", code=1, redis_url="redis://127.0.0.1:1/0")
    assert statuses(report)["redis"] == "fail"
    assert statuses(report)["vector query"] == "ok"

    report = await run_json(clis, "health", code=1, database_url=empty_database_url)
    assert statuses(report)["extension vector"] == statuses(report)["schema"] == "fail"
    assert "run `eunoe migrate up`" in str(report["checks"])

    report = await run_json(clis, "health", code=1)
    assert statuses(report)["role window"] == "fail"
    assert "eunoe consume window" in str(report["checks"])
    await redis.delete(keys.TENANTS)
    assert statuses(await run_json(clis, "health", code=1))["tenant registry"] == "fail"


async def test_a_consumer_silent_since_a_restart_of_redis_is_not_alive(
    clis: Clis, tenant: UUID, tmp_path: Path
) -> None:
    """Redis counts idle times from its own start, also for a consumer that it only knows from its append-only file."""
    assert tenant
    with ExitStack() as stack:
        valkey = Valkey(tmp_path / "valkey", stack)
        async with Redis.from_url(valkey.url) as redis:
            await ensure_groups(redis)
            # So Redis knows the consumer as after a restart, when it reads its append-only file.
            await redis.xgroup_createconsumer(stream(Subject.MESSAGES), Group.WINDOW, "dead")
            report = await run_json(clis, "health", code=1, redis_url=valkey.url, claim_after_seconds=600.0)
    (role,) = [check for check in report["checks"] if check["name"] == "role window"]
    assert (role["status"], "no consumer is alive" in role["found"]) == ("fail", True)


async def test_settings_show_their_sources_and_mask_passwords(tmp_path: Path) -> None:
    """Each setting has a source: environment, .env file or default. No output contains a password."""
    secret = "s3cret-pass"  # noqa: S105 - it is to be found nowhere
    (tmp_path / ".env").write_text(
        f"EUNOE_DATABASE_URL=postgresql://eunoe:{secret}@db/eunoe\nEUNOE_WINDOW_MESSAGES=7\n", encoding="utf-8"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("EUNOE_")}
    environment = inherited | {"EUNOE_REDIS_URL": f"redis://:{secret}@cache:6379/0", "EUNOE_WINDOW_MESSAGES": "9"}

    def settings(*options: str) -> str:
        finished = subprocess.run(
            [sys.executable, "-m", "eunoe_consumers", "settings", *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert secret not in finished.stdout + finished.stderr
        return finished.stdout

    rows = {row["name"]: row for row in json.loads(await asyncio.to_thread(settings, "--json"))}
    found = {name: (row["value"], row["source"]) for name, row in rows.items()}
    assert found["EUNOE_REDIS_URL"] == ("redis://:***@cache:6379/0", "environment")
    assert found["EUNOE_DATABASE_URL"] == ("postgresql://eunoe:***@db/eunoe", ".env file")
    assert found["EUNOE_WINDOW_MESSAGES"] == ("9", "environment")
    assert found["EUNOE_RECALL_TOP_K"] == ("10", "default")
    assert found["EUNOE_MODEL_PATH"] == (None, "default")
    assert all(row["description"] for row in rows.values())
    assert "environment" in await asyncio.to_thread(settings)
    assert "# EUNOE_RECALL_TOP_K=10" in await asyncio.to_thread(settings, "--env-example")
