"""Helpers of tests on curated memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator
from eunoe_schema.memory import Memory, MemoryScope, NewMemory, content_hash
from eunoe_schema.streams import Group
from eunoe_tests.events import AGENT
from eunoe_tests.roles import consuming

Login: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# The tables of curated memory.
CURATED = (
    "collection_members",
    "collections",
    "directives",
    "memories",
    "memory_relationships",
    "memory_requests",
    "memory_tags",
    "memory_versions",
    "session_checkpoints",
)


def memory_scope(tenant: UUID, user: str | None = "ada", agent: UUID | None = AGENT) -> MemoryScope:
    """Return a memory scope; by default one of an agent with a user."""
    return MemoryScope(tenant_id=tenant, agent_id=agent, user_id=user)


def quick(settings: Settings) -> Settings:
    """Return settings with the hash embedder, for which texts that share words are near."""
    return settings.model_copy(update={"purpose": "test", "embedder": "hash"})


@asynccontextmanager
async def curating(settings: Settings) -> AsyncGenerator[Curator]:
    """Run a consumer of the group `curate` and yield a client."""
    async with consuming(quick(settings), Group.CURATE), await Curator.connect(settings.redis_url or "") as curator:
        yield curator


async def remembered(curator: Curator, scope: MemoryScope, content: str, **fields: Any) -> Memory:
    """Remember one content and return its memory."""
    (one,) = await curator.remember(scope, NewMemory(content=content, **fields))
    return one.memory


async def age_memory(database_url: str, memory_id: UUID, age: timedelta, *, accessed: timedelta | None = None) -> None:
    """Set the creation and the last use of a memory so far back."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "UPDATE memories SET created_at = now() - $2::interval, accessed_at = now() - $3::interval WHERE id = $1",
            memory_id,
            age,
            accessed,
        )
    finally:
        await connection.close()


async def add_memory(login: Login, tenant: UUID, **fields: Any) -> UUID:
    """Add a row to `memories` and return its id."""
    values: dict[str, Any] = {
        "tenant_id": tenant,
        "id": uuid4(),
        "user_id": "ada",
        "tier": "personal",
        "category": "factual",
        "content": "hello",
        **fields,
    }
    values.setdefault("content_hash", content_hash(values["content"]))
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await login.execute(f"INSERT INTO memories ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608
    return values["id"]


async def fill_curated(login: Login, owner: UUID) -> None:
    """Insert a row of a tenant into every table of curated memory, past Eunoe's own code."""
    names = (owner, AGENT)
    await login.execute("INSERT INTO agents VALUES ($1, $2) ON CONFLICT DO NOTHING", *names)
    await login.execute("INSERT INTO users VALUES ($1, 'ada') ON CONFLICT DO NOTHING", owner)
    await login.execute(
        "INSERT INTO sessions (tenant_id, agent_id, user_id, session_id, opened_at) "
        "VALUES ($1, $2, 'ada', 's', now()) ON CONFLICT DO NOTHING",
        *names,
    )
    one, other = [await add_memory(login, owner, content=text) for text in ("one", "other")]
    for statement in (
        "INSERT INTO memory_tags VALUES ($1, $2, 't')",
        "INSERT INTO collections (tenant_id, id, user_id, type, name) VALUES ($1, $2, 'ada', 't', 'n')",
        "INSERT INTO collection_members VALUES ($1, $2, $2)",
        "INSERT INTO memory_requests (tenant_id, request_id, body_hash) VALUES ($1, $2::uuid, repeat('0', 64))",
    ):
        await login.execute(statement, owner, one)
    await login.execute("INSERT INTO memory_relationships VALUES ($1, $2, 'supports', $3)", owner, one, other)
    await login.execute(
        "INSERT INTO session_checkpoints (tenant_id, id, agent_id, user_id, session_id, state) "
        "VALUES ($1, gen_random_uuid(), $2, 'ada', 's', '{}')",
        *names,
    )
    await login.execute(
        "INSERT INTO directives (tenant_id, id, agent_id, name, content) VALUES ($1, $2, $2, 'n', 'c')", *names
    )
