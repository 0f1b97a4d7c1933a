"""Settings: PostgreSQL, its schema, and the rules of curated memory that several process roles share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DatabaseSettings(BaseModel):
    """How a process connects to PostgreSQL."""

    model_config = ConfigDict(frozen=True)

    database_connections: int = Field(default=4, ge=1, le=100, description="PostgreSQL connections per process.")
    statement_cache_size: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Prepared statements kept per connection. Set 0 behind pgbouncer in transaction mode.",
    )
    start_timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="How long a starting command waits for Redis and PostgreSQL."
    )


class SchemaSettings(BaseModel):
    """What `eunoe migrate up` fixes when it creates the index of memories."""

    model_config = ConfigDict(frozen=True)

    hnsw_m: int = Field(
        default=16, ge=2, le=100, description="Links per memory in the HNSW index. Fixed by `eunoe migrate up`."
    )
    hnsw_ef_construction: int = Field(
        default=64,
        ge=4,
        le=1_000,
        description="Candidates per memory while the HNSW index is built, at least twice the links. "
        "Fixed by `eunoe migrate up`.",
    )


class GiantScopeSettings(BaseModel):
    """When a scope gets its own approximate index, and how that index is built and searched."""

    model_config = ConfigDict(frozen=True)

    ann_scope_rows: int = Field(
        default=50_000,
        ge=100,
        le=1_000_000_000,
        description="Turns above which a scope is a giant. A giant scope is searched approximately once "
        "`eunoe index --build` has built its index.",
    )
    ann_ef_search: int = Field(
        default=100,
        ge=10,
        le=1_000,
        description="Candidates of an approximate search. More candidates find more and take longer.",
    )
    ann_m: int = Field(default=16, ge=2, le=32, description="Links per turn in the index of a giant scope.")
    ann_ef_construction: int = Field(
        default=64, ge=64, le=1_000, description="Candidates per turn while the index of a giant scope is built."
    )


class MemoryLifetimeSettings(BaseModel):
    """When memories expire, and which ones are near duplicates. The curators and the janitor must agree on both."""

    model_config = ConfigDict(frozen=True)

    memory_near_duplicate_cosine: float = Field(
        default=0.92,
        ge=-1,
        le=1,
        description="Cosine similarity from which two memories are near duplicates.",
    )
    memory_task_days: int = Field(
        default=30, ge=1, le=3_650, description="Days after which a memory of tier `task` expires."
    )
    memory_task_expires_from: Literal["creation", "last_use"] = Field(
        default="creation",
        description="When EUNOE_MEMORY_TASK_DAYS start: at the memory's creation or at its last use.",
    )
