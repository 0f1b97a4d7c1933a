"""The janitor on real servers: expiry, purging and merging, one janitor at a time, in bounded batches."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import numpy as np
import pytest
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from eunoe_consumers.janitor.housekeeping import Housekeeping, HousekeepingQueries
from eunoe_consumers.janitor.janitor import Janitor, JanitorRules
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import StoreUnavailable
from eunoe_consumers.postgres.memory_connection import Lifetime
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_consumers.processes.role import ProcessRole
from eunoe_consumers.settings import Settings
from eunoe_schema.memory import content_hash
from eunoe_tests.curation import Login, add_memory, fill_curated
from eunoe_tests.roles import consuming
from eunoe_tests.waiting import wait_until

pytestmark = pytest.mark.slow

RULES = JanitorRules(purge_after_days=30, batch_rows=2, interval_seconds=3_600)


@pytest.fixture
async def login(database_url: str, tenant: UUID, other_tenant: UUID) -> AsyncIterator[Login]:
    """A superuser's connection; both tenants have a row in every table."""
    connection = await asyncpg.connect(database_url)
    await register_vector(connection)
    for owner in (tenant, other_tenant):
        await fill_curated(connection, owner)
    yield connection
    await connection.close()


def janitor_of(database: Database, **rules: Any) -> Janitor:
    """Return a janitor with the default rules, except the given ones."""
    changed = JanitorRules(**{**RULES.__dict__, **rules})
    return Janitor(TenantTable(database), Housekeeping(database, Lifetime(30, from_last_use=False)), changed)


async def add_old(login: Login, tenant: UUID, days: int, **fields: Any) -> UUID:
    """Add a memory that was created and changed so many days ago."""
    memory_id = await add_memory(login, tenant, **{"content": uuid4().hex, **fields})
    await login.execute(
        "UPDATE memories SET created_at = now() - $2::interval, updated_at = now() - $2::interval WHERE id = $1",
        memory_id,
        timedelta(days=days),
    )
    return memory_id


async def status_of(login: Login, memory_id: UUID) -> str | None:
    """Return the status of a memory; None if it was purged."""
    return await login.fetchval("SELECT status FROM memories WHERE id = $1", memory_id)


@pytest.mark.parametrize(
    ("days", "fields", "after"),
    [
        (29, {"tier": "task"}, "active"),
        (31, {"tier": "task"}, "archived"),
        (31, {"tier": "task", "status": "pending_review"}, "archived"),
        (99, {"tier": "project"}, "active"),
        (99, {"tier": "personal"}, "active"),
        (29, {"tier": "project", "status": "archived"}, "archived"),
        (31, {"tier": "project", "status": "archived"}, None),
        (31, {"tier": "task", "status": "archived"}, None),
        (99, {"tier": "personal", "status": "archived"}, "archived"),
        (99, {"tier": "personal", "status": "merged"}, "merged"),
        (99, {"tier": "project", "status": "superseded"}, "superseded"),
        (59, {"tier": "task", "status": "superseded"}, "superseded"),
        (61, {"tier": "task", "status": "superseded"}, None),
    ],
)
async def test_expired_memories_are_archived_and_old_ones_purged(
    login: Login, database: Database, tenant: UUID, days: int, fields: dict[str, Any], after: str | None
) -> None:
    """Tasks go in two steps; personal memories, and history without an end, stay."""
    memory = await add_old(login, tenant, days, **fields)
    await janitor_of(database).run_once()
    assert await status_of(login, memory) == after


async def test_an_explicit_end_and_forgetting_lead_to_a_purge(login: Login, database: Database, tenant: UUID) -> None:
    """A personal memory with an end goes like any other; a forgotten one after the grace time."""
    ended = await add_old(login, tenant, 99)
    kept, gone = await add_old(login, tenant, 99), await add_old(login, tenant, 99)
    await login.execute("UPDATE memories SET expires_at = now() - interval '31 days' WHERE id = $1", ended)
    await login.execute("UPDATE memories SET deleted_at = now() - interval '29 days' WHERE id = $1", kept)
    await login.execute("UPDATE memories SET deleted_at = now() - interval '31 days' WHERE id = $1", gone)
    done = await janitor_of(database).run_once()
    assert (done.archived, done.purged) == (1, 1)
    assert [await status_of(login, memory) for memory in (ended, kept, gone)] == ["archived", "active", None]
    await login.execute("UPDATE memories SET updated_at = now() - interval '31 days' WHERE id = $1", ended)
    assert (await janitor_of(database).run_once()).purged == 1


async def test_a_round_covers_all_tenants_in_batches(
    login: Login, database: Database, tenant: UUID, other_tenant: UUID
) -> None:
    """Seven memories of each tenant in batches of two; a purge also drops the kept replies."""
    for owner in (tenant, other_tenant):
        for _ in range(7):
            await add_old(login, owner, 31, tier="task")
        ended = [await add_old(login, owner, 31, tier="task", status="archived") for _ in range(7)]
        for gone in ended:
            await login.execute("INSERT INTO memory_tags VALUES ($1, $2, 't')", owner, gone)
        insert = "INSERT INTO memory_requests (tenant_id, request_id, body_hash, memory_ids, created_at) VALUES "
        await login.execute(f"{insert} ($1, 'quotes', repeat('0', 64), ARRAY[$2::uuid], now())", owner, ended[0])
        await login.execute(f"{insert} ($1, 'old', repeat('0', 64), '{{}}', now() - interval '25 hours')", owner)
        await login.execute(f"{insert} ($1, 'young', repeat('0', 64), '{{}}', now() - interval '23 hours')", owner)
    done = await janitor_of(database).run_once()
    assert (done.tenants, done.archived, done.purged, done.complete) == (2, 14, 14, True)
    assert done.replies_dropped == 2
    left = await login.fetch("SELECT request_id FROM memory_requests WHERE request_id !~ '-'")
    assert [row["request_id"] for row in left] == ["young", "young"]
    assert await login.fetchval("SELECT count(*) FROM memory_tags") == 2


async def test_the_failure_of_one_tenant_does_not_stop_a_round(
    login: Login, database: Database, tenant: UUID, other_tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, and the other tenants are done; if all fail, the round ends with the error."""
    purge, failing = Housekeeping.purge, {min(tenant, other_tenant)}

    async def fails(self: Housekeeping, tenant_id: UUID, **arguments: int) -> int:
        if tenant_id in failing:
            raise StoreUnavailable("PostgreSQL: canceling statement due to statement timeout")
        return await purge(self, tenant_id, **arguments)

    monkeypatch.setattr(Housekeeping, "purge", fails)
    await add_old(login, max(tenant, other_tenant), 31, tier="task", status="archived")
    done = await janitor_of(database).run_once()
    assert (done.tenants, done.failed, done.purged) == (1, 1, 1)
    failing.add(max(tenant, other_tenant))
    with pytest.raises(StoreUnavailable, match="statement timeout"):
        await janitor_of(database).run_once()


async def test_one_janitor_works_at_a_time_and_a_dead_one_blocks_nobody(
    login: Login, database: Database, database_url: str, tenant: UUID
) -> None:
    """While another one holds the lock, a round does nothing and does not fail; the lock ends with its connection."""
    memory = await add_old(login, tenant, 31, tier="task")
    other = await asyncpg.connect(database_url)
    await other.execute("BEGIN")
    assert await other.fetchval(HousekeepingQueries.lock_janitors.sql)
    done = await janitor_of(database).run_once()
    assert (done.complete, done.archived, await status_of(login, memory)) == (False, 0, "active")
    other.terminate()

    async def archived() -> bool:
        return (await janitor_of(database).run_once()).archived == 1

    await wait_until(archived)


async def test_a_locked_memory_waits_for_the_next_round(
    login: Login, database: Database, database_url: str, tenant: UUID
) -> None:
    """A memory that somebody changes is skipped, and the round does not wait for it."""
    memory = await add_old(login, tenant, 31, tier="task")
    other = await asyncpg.connect(database_url)
    try:
        await other.execute("BEGIN")
        await other.execute("SELECT FROM memories WHERE id = $1 FOR UPDATE", memory)
        assert (await asyncio.wait_for(janitor_of(database).run_once(), 30)).archived == 0
    finally:
        await other.close()
    assert (await janitor_of(database).run_once()).archived == 1


async def _near(login: Login, tenant: UUID, towards: float, content: str | None = None, **fields: Any) -> UUID:
    """Add a memory with a vector in a plane, so that cosines are known. Contents of one age say the same by default."""
    vector = np.zeros(384, dtype=np.float32)
    vector[:2] = np.cos(towards), np.sin(towards)
    content = content or f"Ada likes{' ' * secrets.randbelow(1_000)} tea."
    fields = {"tier": "project", "content": content, "content_hash": content_hash(content), **fields}
    return await add_memory(login, tenant, embedding=HalfVector(vector), embedding_model="m", **fields)


async def test_near_duplicates_are_merged_if_enabled(
    login: Login, database: Database, tenant: UUID, other_tenant: UUID
) -> None:
    """The newer one stays, and loses nothing of both; other owners, tiers and categories are left alone."""
    one = await _near(
        login, tenant, 0.0, confidence=0.6, retrieval_count=2, usefulness=0.1, metadata='{"a": 1}', source="imported"
    )
    two = await _near(login, tenant, 0.1, confidence=0.5, retrieval_count=3, metadata='{"a": 1, "b": 2}')
    others = [
        await _near(login, tenant, 0.05, tier="personal"),
        await _near(login, tenant, 0.05, category="preference"),
        await _near(login, tenant, 0.05, user_id=None, agent_id=await login.fetchval("SELECT id FROM agents LIMIT 1")),
        await _near(login, tenant, 1.5),
        await _near(login, other_tenant, 0.05),
    ]
    await login.execute("INSERT INTO memory_tags VALUES ($1, $2, 'a'), ($1, $3, 'b')", tenant, one, two)
    assert (await janitor_of(database).run_once()).merged == 0
    assert (await janitor_of(database, merge_cosine=0.9).run_once()).merged == 1
    row = await login.fetchrow("SELECT status, merged_into FROM memories WHERE id = $1", one)
    assert tuple(row or ()) == ("merged", two)
    row = await login.fetchrow(
        "SELECT status, round(confidence::numeric, 2)::float8, usefulness, retrieval_count, "
        "ARRAY(SELECT tag FROM memory_tags WHERE memory_id = id ORDER BY tag) FROM memories WHERE id = $1",
        two,
    )
    assert tuple(row or ()) == ("active", 0.64, 0.1, 5, ["a", "b"])
    assert [await status_of(login, other) for other in others] == ["active"] * 5
    assert (await janitor_of(database, merge_cosine=0.9).run_once()).merged == 0


async def test_near_duplicates_that_say_something_else_stay(login: Login, database: Database, tenant: UUID) -> None:
    """The nearest one may say the opposite. One that says the same is found behind it; the last revised one stays."""
    memories = [
        await _near(login, tenant, 0.0, "Ada is allergic to peanuts."),
        await _near(login, tenant, 0.1, "Ada is not allergic to peanuts."),
        await _near(login, tenant, 0.2, "Ada is allergic to peanuts"),
    ]
    await login.execute(
        "UPDATE memory_versions SET created_at = now() + interval '1 second' WHERE memory_id = $1", memories[0]
    )
    assert (await janitor_of(database, merge_cosine=0.9).run_once()).merged == 1
    assert [await status_of(login, memory) for memory in memories] == ["active", "active", "merged"]


async def test_near_duplicates_are_kept_if_a_merge_would_lose_something(
    login: Login, database: Database, tenant: UUID
) -> None:
    """Metadata that the newer one lacks, a relation, a collection, and more tags than one memory may have."""
    older = [await _near(login, tenant, 0.0, f"Ada likes tea {number}.") for number in range(4)]
    await login.execute("UPDATE memories SET metadata = '{\"a\": 1}' WHERE id = $1", older[0])
    newer = [await _near(login, tenant, 0.1, f"Ada likes  tea {number}.") for number in range(4)]
    related = "INSERT INTO memory_relationships VALUES ($1, $2, 'supports', $3)"
    await login.execute(related, tenant, older[0], older[1])
    await login.execute(
        "INSERT INTO collection_members SELECT $1, id, $2 FROM collections WHERE tenant_id = $1", tenant, older[2]
    )
    for memory, tags in ((older[3], range(30)), (newer[3], range(30, 60))):
        await login.executemany(
            "INSERT INTO memory_tags VALUES ($1, $2, $3)", [(tenant, memory, f"t{tag}") for tag in tags]
        )
    assert (await janitor_of(database, merge_cosine=0.9).run_once()).merged == 0
    await login.execute("DELETE FROM memory_relationships")
    await login.execute("DELETE FROM memory_tags WHERE tag = 't0'")
    await login.execute("UPDATE memories SET compared_version = NULL, metadata = '{}'")
    assert (await janitor_of(database, merge_cosine=0.9).run_once()).merged == 2
    assert [await status_of(login, memory) for memory in older] == ["merged", "merged", "active", "active"]
    assert [await status_of(login, memory) for memory in newer] == ["active"] * 4


@pytest.mark.parametrize(
    ("tier", "kept_days", "gone_days", "lives_days"),
    [
        ("project", 1, None, None),  # it has an end, and is merged with a memory without one
        ("project", None, 1, None),
        ("project", 1, 9, 9),
        ("project", 9, 1, 9),
        ("task", 1, None, 30),
    ],
)
async def test_a_merged_memory_keeps_the_later_end(
    login: Login,
    database: Database,
    tenant: UUID,
    tier: str,
    kept_days: int | None,
    gone_days: int | None,
    lives_days: int | None,
) -> None:
    """The kept memory does not expire before the other one would have."""
    gone = await _near(login, tenant, 0.1, tier=tier)
    kept = await _near(login, tenant, 0.0, tier=tier)
    for memory, days in ((kept, kept_days), (gone, gone_days)):
        await login.execute(
            "UPDATE memories SET expires_at = created_at + make_interval(days => $2) WHERE id = $1", memory, days
        )
    assert (await janitor_of(database, merge_cosine=0.9).run_once()).merged == 1
    assert [await status_of(login, memory) for memory in (kept, gone)] == ["active", "merged"]
    lives = "SELECT round(extract(epoch FROM expires_at - created_at) / 86400)::int FROM memories WHERE id = $1"
    assert await login.fetchval(lives, kept) == lives_days


async def test_the_janitor_role_works_alone(settings: Settings, login: Login, tenant: UUID) -> None:
    """A process of this role reads no stream, archives expired memories, and repeats it after its pause."""
    resting = settings.model_copy(update={"janitor_interval_seconds": 1.0})
    async with consuming(resting, ProcessRole.JANITOR):
        for _ in range(2):
            memory = await add_old(login, tenant, 31, tier="task")

            async def archived(memory: UUID = memory) -> bool:
                return await status_of(login, memory) == "archived"

            await wait_until(archived)
