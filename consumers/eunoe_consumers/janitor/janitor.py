"""Clean up the memories of all tenants, round after round.

Any number of janitors may run. One works at a time, and nothing waits for it: an expired memory is hidden from readers
before a janitor archives it.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from uuid import UUID

import structlog

from eunoe_consumers.janitor.housekeeping import AnotherJanitor, Housekeeping
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()

# No client asks again with the same request id after a day: the longest deadline is a minute.
_REPLY_DAYS = 1


@dataclass(frozen=True)
class JanitorRules:
    """The operator's settings for the janitor.

    Attributes:
        purge_after_days: How long an archived or forgotten memory can be restored.
        batch_rows: Rows of one transaction.
        interval_seconds: Pause between two rounds.
        merge_cosine: Near duplicates are merged from this cosine on; None to merge none.
    """

    purge_after_days: int
    batch_rows: int
    interval_seconds: float
    merge_cosine: float | None = None


@dataclass
class Round:
    """The counts of one round.

    Attributes:
        tenants: Finished tenants.
        archived: Expired memories that were archived.
        merged: Near duplicates that were merged into another memory.
        replies_dropped: Old kept replies that were dropped.
        purged: Memories that were deleted for good.
        failed: Tenants with an error; the log has the reason.
        complete: False if another janitor took over.
        seconds: How long the round took.
    """

    tenants: int = 0
    archived: int = 0
    merged: int = 0
    replies_dropped: int = 0
    purged: int = 0
    failed: int = 0
    complete: bool = True
    seconds: float = 0.0


class Janitor:
    """Goes through all tenants, round after round."""

    def __init__(self, tenants: TenantTable, housekeeping: Housekeeping, rules: JanitorRules) -> None:
        self._tenants = tenants
        self._housekeeping = housekeeping
        self._rules = rules

    async def run(self) -> None:
        """Run rounds until cancelled. An outage delays the next round."""
        while True:
            try:
                await self.run_once()
            except EunoeError as error:
                log.warning("waiting", reason=str(error))
            await asyncio.sleep(self._rules.interval_seconds)

    async def run_once(self) -> Round:
        """Run one round and log it; it ends early if another janitor is at work.

        The failure of one tenant does not stop the round. Two failures in a row count as an outage.

        Raises:
            StoreUnavailable: If PostgreSQL failed. Committed batches stay.
            RowRefused: If PostgreSQL refused the data of two tenants in a row.
        """
        done, started, failed = Round(), time.monotonic(), False
        try:
            for tenant_id in sorted(await self._tenants.ids()):
                try:
                    await self._clean(tenant_id, done)
                except AnotherJanitor:
                    raise
                except EunoeError as error:
                    done.failed += 1
                    log.warning("a tenant failed", tenant_id=str(tenant_id), reason=str(error))
                    if failed:
                        raise
                    failed = True
                else:
                    done.tenants += 1
                    failed = False
        except AnotherJanitor:
            done.complete = False
        finally:
            done.seconds = round(time.monotonic() - started, 3)
            log.info("round done", **asdict(done))
        return done

    async def _clean(self, tenant_id: UUID, done: Round) -> None:
        """Clean up one tenant. Replies go before memories: a purge also drops the replies that quote its memories."""
        rules, housekeeping = self._rules, self._housekeeping
        limit = rules.batch_rows
        while (archived := await housekeeping.archive_expired(tenant_id, limit=limit)) > 0:
            done.archived += archived
        compared = limit if rules.merge_cosine is not None else 0
        while compared == limit and rules.merge_cosine is not None:
            compared, merged = await housekeeping.merge_near_duplicates(
                tenant_id, min_cosine=rules.merge_cosine, limit=limit
            )
            done.merged += merged
        while (dropped := await housekeeping.drop_replies(tenant_id, older_than_days=_REPLY_DAYS, limit=limit)) > 0:
            done.replies_dropped += dropped
        while (purged := await housekeeping.purge(tenant_id, after_days=rules.purge_after_days, limit=limit)) > 0:
            done.purged += purged
