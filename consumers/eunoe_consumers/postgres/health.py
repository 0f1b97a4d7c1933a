"""What a health check asks of PostgreSQL, step by step, so that the first one that fails can be named."""

import time
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import numpy as np

from eunoe_consumers.postgres.candidates import CandidateReader
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.errors import connecting, wrapped
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.scope import Scope

# Nobody's: the query goes the whole way of a recall, and finds nothing.
_NOBODY = Scope(tenant_id=UUID(int=0), agent_id=UUID(int=0), user_id="health check")


class HealthQueries(QueryFile, file="health"):
    """The statements of health.sql."""

    server_versions: str
    row_counts: str


@dataclass(frozen=True)
class PostgresInfo:
    """What a login sees without any role.

    Attributes:
        server_version: The server's.
        vector_version: The extension's; None where it is not installed.
        row_counts: By table, as the statistics estimate it.
    """

    server_version: str
    vector_version: str | None
    row_counts: dict[str, int]


async def read_info(url: str, *, wait_seconds: float) -> PostgresInfo:
    """Connect once and look around.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        StoreUnavailable: If the server does not answer in `wait_seconds`.
    """
    with connecting():
        connection = await asyncpg.connect(
            url, timeout=wait_seconds, server_settings={"application_name": "eunoe health"}
        )
    with wrapped():
        try:
            versions = await connection.fetchrow(HealthQueries.server_versions)
            counts = await connection.fetch(HealthQueries.row_counts)
        finally:
            await connection.close()
    if versions is None:
        raise AssertionError  # a SELECT without FROM has one row
    return PostgresInfo(
        versions["server_version"],
        versions["vector_version"],
        {row["table_name"]: row["row_count"] for row in counts},
    )


async def vector_query_ms(database: Database, *, embedding_dimensions: int) -> float:
    """Return how long a search takes that finds nothing: connection, role, policy, index and operator are in it.

    The second of two runs, since the first one prepares the statement.

    Raises:
        StoreUnavailable: If it failed.
    """
    reader = CandidateReader(database)
    vector = np.ones(embedding_dimensions, dtype=np.float32)
    began = 0.0
    for _ in range(2):
        began = time.perf_counter()
        await reader.candidates(_NOBODY, vector, (), limit=1)
    return (time.perf_counter() - began) * 1000
