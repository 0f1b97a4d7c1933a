"""Collections, sessions, checkpoints, directives and relations: no scope can reach those of another."""

from uuid import UUID

import asyncpg
import pytest

from eunoe_consumers.settings import Settings
from eunoe_tests.curation import CURATED, curating, memory_scope
from eunoe_tests.record_cases import RECORD_CASES, fill_records

pytestmark = pytest.mark.slow


async def everything(database_url: str, tenant: UUID) -> set[str]:
    """Return all curated memory of a tenant, as a superuser sees it."""
    connection = await asyncpg.connect(database_url)
    try:
        return {
            row["row"]
            for table in (*CURATED, "sessions")
            for row in await connection.fetch(
                f"SELECT '{table} ' || kept::text AS row FROM {table} AS kept WHERE tenant_id = $1",  # noqa: S608
                tenant,
            )
        }
    finally:
        await connection.close()


@pytest.mark.parametrize("other_scope", ["tenant", "agent", "user"])
async def test_records_of_another_scope_are_not_found(
    settings: Settings, tenant: UUID, other_tenant: UUID, database_url: str, other_scope: str
) -> None:
    """Every kind of request from another tenant, agent or user gets not_found, never forbidden, and changes nothing."""
    async with curating(settings) as curator:
        for number, (kind, attempt) in enumerate(RECORD_CASES.items()):
            theirs = await fill_records(curator, memory_scope(tenant, f"user {number}"))
            before = await everything(database_url, tenant)
            strangers = {
                "tenant": memory_scope(other_tenant, f"user {number}"),  # with the same agent and user
                "agent": memory_scope(tenant, f"user {number}", UUID(int=number + 1)),
                "user": memory_scope(tenant, f"stranger {number}"),
            }
            await attempt(curator, strangers[other_scope], theirs)
            assert before <= await everything(database_url, tenant), kind
