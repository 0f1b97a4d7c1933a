"""Curated memory for tests: a consumer with a client of it, and memories to remember."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from eunoe_consumers.settings import Settings
from eunoe_producers import Curator
from eunoe_schema.memory import Memory, MemoryScope, NewMemory
from eunoe_schema.streams import Group
from eunoe_tests.events import AGENT
from eunoe_tests.roles import consuming

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
    """Return a memory scope: by default of an agent with a user."""
    return MemoryScope(tenant_id=tenant, agent_id=agent, user_id=user)


def quick(settings: Settings) -> Settings:
    """Return settings with an embedder that has no model: texts that share words are near."""
    return settings.model_copy(update={"purpose": "test", "embedder": "hash"})


@asynccontextmanager
async def curating(settings: Settings) -> AsyncGenerator[Curator]:
    """Consume and yield a client."""
    async with consuming(quick(settings), Group.CURATE), await Curator.connect(settings.redis_url or "") as curator:
        yield curator


async def remembered(curator: Curator, scope: MemoryScope, content: str, **fields: Any) -> Memory:
    """Remember one content and return its memory."""
    (one,) = await curator.remember(scope, NewMemory(content=content, **fields))
    return one.memory
