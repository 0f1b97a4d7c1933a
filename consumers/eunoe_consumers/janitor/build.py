"""Build the janitor from its settings."""

from eunoe_consumers.janitor.housekeeping import Housekeeping
from eunoe_consumers.janitor.janitor import Janitor, JanitorRules
from eunoe_consumers.janitor.settings import JanitorSettings
from eunoe_consumers.postgres.database import Database
from eunoe_consumers.postgres.memory_connection import Lifetime
from eunoe_consumers.postgres.tenants import TenantTable


def build(settings: JanitorSettings, database: Database) -> Janitor:
    """Return the janitor."""
    merge_cosine = settings.memory_near_duplicate_cosine if settings.janitor_merge_near_duplicates else None
    rules = JanitorRules(
        purge_after_days=settings.memory_purge_after_days,
        batch_rows=settings.janitor_batch_rows,
        interval_seconds=settings.janitor_interval_seconds,
        merge_cosine=merge_cosine,
    )
    return Janitor(TenantTable(database), Housekeeping(database, Lifetime.of(settings)), rules)
