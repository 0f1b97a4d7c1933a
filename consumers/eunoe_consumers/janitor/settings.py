"""Settings: the process role `janitor`."""

from pydantic import Field

from eunoe_consumers.postgres.settings import MemoryLifetimeSettings


class JanitorSettings(MemoryLifetimeSettings):
    """How often the janitor runs, and what it removes."""

    memory_purge_after_days: int = Field(
        default=30,
        ge=1,
        le=3_650,
        description="Days after which the janitor purges archived and forgotten memories.",
    )
    janitor_interval_seconds: float = Field(
        default=600.0, ge=1, le=86_400, description="Pause between two rounds of the janitor."
    )
    janitor_batch_rows: int = Field(default=500, ge=1, le=10_000, description="Rows per transaction of the janitor.")
    janitor_merge_near_duplicates: bool = Field(
        default=False,
        description="Whether the janitor merges near duplicates that differ in spacing and punctuation only.",
    )
