"""The janitor: archives what has lapsed, purges what ended long ago, and says what it did.

Any number may run. One works at a time, and nothing waits for it: what has lapsed is hidden from every reader, whether
or not a janitor has come.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from uuid import UUID

import structlog

from eunoe_consumers.postgres.housekeeping import AnotherJanitor, Housekeeping
from eunoe_consumers.postgres.tenants import TenantTable
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()

# Nobody asks again with the same request id after a day; the longest deadline is a minute.
_REPLY_DAYS = 1


@dataclass(frozen=True)
class JanitorRules:
    """What an operator decides.

    Attributes:
        purge_after_days: How long what has ended can be restored.
        batch_rows: Rows that a transaction takes.
        interval_seconds: How long to rest between two rounds.
        merge_cosine: From which similarity on near duplicates are merged; None: never.
    """

    purge_after_days: int
    batch_rows: int
    interval_seconds: float
    merge_cosine: float | None = None


@dataclass
class Round:
    """What a janitor did in one round.

    Attributes:
        tenants: How many it was through with.
        archived: Memories that had lapsed.
        merged: Memories that were near duplicates.
        replies_dropped: Replies that were kept long enough.
        purged: Memories that are gone for good.
        failed: Tenants that it was not through with for an error, which the log tells.
        complete: False where another janitor took over.
        seconds: How long it took.
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
    """Goes through the tenants again and again."""

    def __init__(self, tenants: TenantTable, housekeeping: Housekeeping, rules: JanitorRules) -> None:
        self._tenants = tenants
        self._housekeeping = housekeeping
        self._rules = rules

    async def run(self) -> None:
        """Go on until cancelled; an outage delays it."""
        while True:
            try:
                await self.tidy()
            except EunoeError as error:
                log.warning("waiting", reason=str(error))
            await asyncio.sleep(self._rules.interval_seconds)

    async def tidy(self) -> Round:
        """Do one round and log what was done; nothing where another janitor is at work.

        One tenant's failure does not keep the others waiting; a second one in a row is taken for an outage.

        Raises:
            StoreUnavailable: If PostgreSQL failed; what was done until then is done.
            RowRefused: If it refused what two tenants in a row hold.
        """
        done, started, failed = Round(), time.monotonic(), False
        try:
            for tenant_id in sorted(await self._tenants.ids()):
                try:
                    await self._tidy(tenant_id, done)
                except AnotherJanitor:
                    raise
                except EunoeError as error:
                    done.failed += 1
                    log.warning("a tenant is not tidy", tenant_id=str(tenant_id), reason=str(error))
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
            log.info("tidied", **asdict(done))
        return done

    async def _tidy(self, tenant_id: UUID, done: Round) -> None:
        """Do a tenant's part. Replies before memories: those that quote what is purged are gone by then."""
        rules, store = self._rules, self._housekeeping
        limit = rules.batch_rows
        while (archived := await store.archive_lapsed(tenant_id, limit=limit)) > 0:
            done.archived += archived
        compared = limit if rules.merge_cosine is not None else 0
        while compared == limit and rules.merge_cosine is not None:
            compared, merged = await store.merge_near_duplicates(tenant_id, min_cosine=rules.merge_cosine, limit=limit)
            done.merged += merged
        while (dropped := await store.drop_replies(tenant_id, older_than_days=_REPLY_DAYS, limit=limit)) > 0:
            done.replies_dropped += dropped
        while (purged := await store.purge(tenant_id, after_days=rules.purge_after_days, limit=limit)) > 0:
            done.purged += purged
