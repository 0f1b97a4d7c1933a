"""Measure PostgreSQL for the health check, one query per step, so that the check can name the step that fails."""

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

# A scope without turns. Its search takes the whole path of a recall and finds nothing.
_EMPTY_SCOPE = Scope(tenant_id=UUID(int=0), agent_id=UUID(int=0), user_id="health check")


class HealthQueries(QueryFile, file="health"):
    """The statements of health.sql."""

    server_versions: str
    row_counts: str


@dataclass(frozen=True)
class PostgresInfo:
    """Facts that a login can read without a database role.

    Attributes:
        server_version: Version of the server.
        vector_version: Version of the extension; None if it is not installed.
        row_counts: Estimated number of rows, by table.
    """

    server_version: str
    vector_version: str | None
    row_counts: dict[str, int]


async def read_info(url: str, *, wait_seconds: float) -> PostgresInfo:
    """Connect once and read the versions and the row counts.

    Raises:
        ConfigurationError: If the URL or the credentials are wrong.
        StoreUnavailable: If the server does not answer within `wait_seconds`.
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
    """Return the duration of a search that finds nothing. It includes connection, role, policy, index and operator.

    The second of two runs is measured, because the first one prepares the statement.

    Raises:
        StoreUnavailable: If it failed.
    """
    reader = CandidateReader(database)
    vector = np.ones(embedding_dimensions, dtype=np.float32)
    began = 0.0
    for _ in range(2):
        began = time.perf_counter()
        await reader.candidates(_EMPTY_SCOPE, vector, (), limit=1)
    return (time.perf_counter() - began) * 1000
