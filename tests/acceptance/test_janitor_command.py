"""The janitor by the real command line: one round by hand, and the role."""

from uuid import UUID

import asyncpg

from eunoe_consumers.janitor.housekeeping import HousekeepingQueries
from eunoe_tests.commands import run, run_json
from eunoe_tests.curation import add_memory
from eunoe_tests.processes import Clis
from eunoe_tests.waiting import wait_until


async def _add_expired(database_url: str, tenant: UUID, content: str) -> UUID:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("INSERT INTO users VALUES ($1, 'ada') ON CONFLICT DO NOTHING", tenant)
        memory = await add_memory(connection, tenant, content=content)
        await connection.execute("UPDATE memories SET expires_at = now() WHERE id = $1", memory)
        return memory
    finally:
        await connection.close()


async def _status(database_url: str, memory: UUID) -> str:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval("SELECT status FROM memories WHERE id = $1", memory)
    finally:
        await connection.close()


async def test_one_round_by_hand(clis: Clis, database_url: str, tenant: UUID) -> None:
    """It reports its work for programs and people. A second round finds nothing. A busy janitor is not a failure."""
    await _add_expired(database_url, tenant, "one")
    done = await run_json(clis, "janitor", "run")
    assert (done["archived"], done["purged"], done["tenants"], done["complete"]) == (1, 0, 1, True)
    assert "0 expired memories archived" in await run(clis, "janitor", "run")
    other = await asyncpg.connect(database_url)
    try:
        await other.execute("BEGIN")
        await other.fetchval(HousekeepingQueries.lock_janitors.sql)
        assert (await run_json(clis, "janitor", "run"))["complete"] is False
    finally:
        await other.close()


async def test_another_janitor_continues_after_a_killed_one(clis: Clis, database_url: str, tenant: UUID) -> None:
    """One of two janitors is killed; the other archives, logs it, and stops on request with exit code 0."""
    first, second = [await clis.consume("janitor", janitor_interval_seconds=1.0) for _ in range(2)]
    first.kill()
    memory = await _add_expired(database_url, tenant, "one")

    async def archived() -> bool:
        return await _status(database_url, memory) == "archived"

    await wait_until(archived)
    await second.wait_for("archived=1")
    assert second.stop() == 0
