"""The table of memories for `memories.py`: filled without requests, and searched by single statements."""

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import numpy as np
from common import AGENT, RunningSystem
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.asyncpg import register_vector
from rich.progress import Progress

from eunoe_consumers.memories.administration import nearest_of_tenant
from eunoe_consumers.memories.collections import CollectionQueries
from eunoe_consumers.memories.reading import nearest, newest
from eunoe_consumers.memories.remember import RememberQueries
from eunoe_consumers.memories.table import CONFIRMATION_SHARE, ensure_exists
from eunoe_consumers.memories.tags import TagQueries
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.memory_connection import Lifetime, MemoryConnection
from eunoe_schema.memory import Category, MemoryFilter, MemoryScope, Source, Status, Tier, content_hash

TIERS = tuple(Tier)
TOP_K = 10
ROWS_PER_WRITE = 500
INDEX = "memories_by_embedding"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Fill:
    """The contents of the table.

    Attributes:
        texts: The contents.
        vectors: Their embeddings, shape (n, dimensions) float32.
        model: The model's name.
    """

    texts: Sequence[str]
    vectors: Vectors
    model: str


@dataclass
class Searched:
    """The milliseconds of each statement, by name. An administrator's search also has the recall of each query."""

    milliseconds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    recalls: list[float] = field(default_factory=list[float])


class MemoryTable:
    """Memories of one tenant, in a database of the benchmark."""

    def __init__(self, system: RunningSystem, database: Database, login: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._tenant = system.tenant_id
        self._database = database
        self._login = login
        self._lifetime = Lifetime(
            system.settings.memory_task_days, system.settings.memory_task_expires_from == "last_use"
        )

    def scope(self, user: str) -> MemoryScope:
        """Return the scope of the agent and a user."""
        return MemoryScope(tenant_id=self._tenant, agent_id=AGENT, user_id=user)

    async def fill(self, fill: Fill, users: Sequence[str], progress: Progress) -> UUID:
        """Insert memories, going round the users, with the statement of `remember`. Return a collection of a tenth.

        Each tier has a third. A quarter belongs to the user with every agent. A tenth has the tag `work`, and a tenth
        the metadata `{"stressor": true}`.
        """
        bar = progress.add_task(f"memories of {len(users)} users", total=len(fill.texts))
        collection = uuid4()
        async with self._begin() as db:
            for user in users:
                await ensure_exists(db, self.scope(user))
            await db.execute(
                CollectionQueries.insert_collection,
                new_id=collection,
                agent_id=AGENT,
                user_id=None,
                type="benchmark",
                name=users[0],
                description=None,
            )
        for start in range(0, len(fill.texts), ROWS_PER_WRITE):
            part = range(start, min(len(fill.texts), start + ROWS_PER_WRITE))
            await self._write(fill, users, part, collection)
            progress.advance(bar, len(part))
        await self._login.execute("VACUUM (ANALYZE)")
        return collection

    @asynccontextmanager
    async def _begin(self, scope: MemoryScope | None = None) -> AsyncGenerator[MemoryConnection]:
        """Begin a transaction in the role of a curator."""
        async with self._database.transaction(DatabaseRole.CURATOR, tenant=self._tenant) as connection:
            yield MemoryConnection(connection, self._tenant, self._lifetime, scope)

    async def _write(self, fill: Fill, users: Sequence[str], part: range, collection: UUID) -> None:
        ids = {index: uuid4() for index in part}
        async with self._begin() as db:
            await db.fetchmany(
                RememberQueries.insert_memory,
                [
                    {
                        "new_id": ids[index],
                        "agent_id": None if index % 4 == 0 else AGENT,
                        "user_id": users[index % len(users)],
                        "tier": TIERS[index % len(TIERS)],
                        "category": Category.FACTUAL,
                        "source": Source.EXTRACTED,
                        "status": Status.ACTIVE,
                        "content": fill.texts[index],
                        "content_hash": content_hash(fill.texts[index]),
                        "confidence": 0.8,
                        "metadata": json.dumps({"number": index % 100, "stressor": index % 10 == 0}),
                        "session_agent_id": None,
                        "session_user_id": None,
                        "session_id": None,
                        "expires_at": None,
                        "embedding": HalfVector(fill.vectors[index]),
                        "embedding_model": fill.model,
                        "confirmation_share": CONFIRMATION_SHARE,
                    }
                    for index in part
                ],
            )
            await db.fetchmany(
                TagQueries.add_tags,
                [{"memory_id": ids[index], "tags": ["work"]} for index in part if index // 7 % 10 == 0],
            )
            members = [ids[index] for index in part if index // 3 % 10 == 1]
            await db.execute(CollectionQueries.add_members, id=collection, memory_ids=members)

    async def moment(self, share: float) -> datetime:
        """Return the time before which this share of the memories was created."""
        query = "SELECT percentile_disc($1::float8) WITHIN GROUP (ORDER BY created_at) FROM memories"
        return await self._login.fetchval(query, share)

    async def search(
        self, users: Sequence[str], filters: Mapping[str, MemoryFilter], queries: Vectors, progress: Progress
    ) -> Searched:
        """Measure the exact search of each query with each filter, over one connection. Go round the users."""
        searched = Searched()
        bar = progress.add_task("statements", total=len(filters) * len(queries))
        for name, filter_ in filters.items():
            taken = searched.milliseconds[name] = []
            for index, query in enumerate(queries):
                async with self._begin(self.scope(users[index % len(users)])) as db:
                    started = time.perf_counter()
                    await nearest(db, filter_, query, limit=TOP_K, min_cosine=None)
                    taken.append((time.perf_counter() - started) * 1000)
                progress.advance(bar)
        return searched

    async def page(self, user: str, times: int) -> Searched:
        """Measure the first page of a list several times."""
        searched = Searched({"page": []})
        for _ in range(times):
            async with self._begin(self.scope(user)) as db:
                started = time.perf_counter()
                await newest(db, MemoryFilter(), limit=51)
                searched.milliseconds["page"].append((time.perf_counter() - started) * 1000)
        return searched

    async def search_tenant(self, queries: Vectors) -> Searched:
        """Measure the search of an administrator, and compare it with an exact search."""
        searched = Searched({"admin": []})
        for query in queries:
            async with self._begin() as db:
                started = time.perf_counter()
                found = await nearest_of_tenant(db, query, statuses=[Status.ACTIVE], forgotten=False, limit=TOP_K)
                searched.milliseconds["admin"].append((time.perf_counter() - started) * 1000)
            exact = await self._login.fetch(
                "SELECT id FROM memories WHERE tenant_id = $1 ORDER BY (embedding <=> $2::halfvec) + 0 LIMIT $3",
                self._tenant,
                HalfVector(query),
                TOP_K,
            )
            searched.recalls.append(len({row["id"] for row in exact} & found.keys()) / TOP_K)
        return searched

    async def build_index(self, times: int) -> list[float]:
        """Build the index of the administrative search several times, as `migrate` does. Return the seconds of each."""
        taken: list[float] = []
        for _ in range(times):
            started = time.perf_counter()
            await self._login.execute(f"REINDEX INDEX {INDEX}")
            taken.append(time.perf_counter() - started)
        return taken


@asynccontextmanager
async def memory_table(system: RunningSystem) -> AsyncGenerator[MemoryTable]:
    """Connect as the consumers do, and as the superuser, during the block."""
    async with await Database.connect(system.database_url, connections=1) as database:
        login = await asyncpg.connect(system.database_url)
        try:
            await register_vector(login)
            yield MemoryTable(system, database, login)
        finally:
            await login.close()
