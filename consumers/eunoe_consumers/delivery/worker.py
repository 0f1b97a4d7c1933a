"""A group's worker in one process: batches in flight, claims renewed, lost entries reclaimed, consumers dismissed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import structlog

from eunoe_consumers.cancellation import cancel_bounded
from eunoe_consumers.delivery.entry import Entry, EventT
from eunoe_consumers.delivery.processor import GroupWork, Processor
from eunoe_consumers.delivery.stream_group import StreamGroup
from eunoe_consumers.errors import TransientError
from eunoe_consumers.store.tenants import TenantRegistry
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()

# An entry that came so often runs alone: if it kills its process, its neighbours are safe and it is found out.
_ISOLATE_AFTER_DELIVERIES = 3
# So many processes may die with an entry that runs alone before it is buried; more than one, since a kill may be a
# coincidence.
_TRIALS = 2
_BEATS_PER_CLAIM = 3  # renew and reclaim so often within the time after which a claim lapses
_REGISTRY_SECONDS = 2.0  # a gateway waits five for a lost registry to come back
_BEGINNING = "0-0"


@dataclass(frozen=True)
class WorkerTimes:
    """How long things may take.

    Attributes:
        claim_after_seconds: An entry without a sign of life for so long is claimed by another consumer.
        consumer_idle_seconds: A consumer gone for so long with nothing pending is deleted.
    """

    claim_after_seconds: float
    consumer_idle_seconds: float


class Worker(Generic[EventT]):
    """Brings a group's entries to their effect until it is drained."""

    def __init__(
        self, group: StreamGroup, work: GroupWork[EventT], registry: TenantRegistry, times: WorkerTimes
    ) -> None:
        self.group = group
        self._registry = registry
        self._times = times
        self._processor = Processor(group, work, registry)
        self._slots = asyncio.Semaphore(work.in_flight)
        self._batches: set[asyncio.Task[None]] = set()
        self._log = log.bind(group=str(group.group))

    async def handle(self, entries: Sequence[Entry]) -> None:
        """Take a batch; returns when it may be followed by another, not when it is done."""
        await self._slots.acquire()
        batch = asyncio.create_task(self._processor.process(entries))
        self._batches.add(batch)
        batch.add_done_callback(self._finished)

    async def run(self) -> None:
        """Renew, reclaim and clean up, until cancelled.

        Raises:
            GroupLost: If the group is gone.
        """
        async with asyncio.TaskGroup() as beats:
            beats.create_task(self._every(self._times.claim_after_seconds / _BEATS_PER_CLAIM, self._renew))
            beats.create_task(self._every(self._times.claim_after_seconds / _BEATS_PER_CLAIM, self._reclaim))
            beats.create_task(self._every(_REGISTRY_SECONDS, self._registry.fill_if_absent))
            beats.create_task(self._every(self._times.consumer_idle_seconds / 10, self._clean_up))

    async def drain(self, seconds: float) -> None:
        """Finish what is in hand and what was read but never handled; release the rest; leave no consumer behind."""
        finishing = asyncio.create_task(self._finish())
        await asyncio.wait({finishing}, timeout=seconds)
        if not finishing.done():
            self._log.warning("stopped before all was done", reason=f"took longer than {seconds:g} s")
        elif (error := finishing.exception()) is not None:
            self._log.warning("stopped before all was done", reason=str(error))
        await cancel_bounded({finishing, *self._batches})
        with contextlib.suppress(EunoeError):
            async for entries in self._own_pending():
                await self.group.release([entry.id for entry in entries])
            await self.group.dismiss(idle_seconds=0, only_self=True)

    async def _finish(self) -> None:
        """Finish the batches in hand, and what the reader was handed in the moment it was stopped.

        That is pending, and nobody else would look at it before its claim lapses.
        """
        while self._batches:
            await asyncio.wait(self._batches)
        async for entries in self._own_pending():
            await self._processor.process(entries)

    async def _own_pending(self) -> AsyncIterator[list[Entry]]:
        """Yield what this consumer has read and not acknowledged, page by page, each entry once."""
        entries = await self.group.own_pending(after=_BEGINNING)
        while entries:
            yield entries
            entries = await self.group.own_pending(after=entries[-1].id)

    def _finished(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        self._slots.release()
        if not batch.cancelled() and (error := batch.exception()) is not None:
            # The entries are pending still, and the reclaimer brings them again.
            self._log.error("a batch failed", exc_info=error)

    async def _every(self, seconds: float, beat: Callable[[], Awaitable[None]]) -> None:
        """Run `beat` again and again; an outage delays it."""
        while True:
            started = time.monotonic()
            try:
                await beat()
            except TransientError as error:
                self._log.warning("waiting", reason=str(error))
            await asyncio.sleep(max(0.05, seconds - (time.monotonic() - started)))

    async def _renew(self) -> None:
        if self._processor.in_hand:
            await self.group.renew(list(self._processor.in_hand))

    async def _reclaim(self) -> None:
        """Take over what lies untouched: batch by batch, suspects alone."""
        cursor = _BEGINNING
        while True:
            cursor, entries = await self.group.claim(after_seconds=self._times.claim_after_seconds, cursor=cursor)
            entries = [entry for entry in entries if entry.id not in self._processor.in_hand]
            if entries:
                deliveries = await self.group.deliveries(entries)
                self._log.info("reclaimed", entries=len(entries), most_deliveries=max(deliveries.values(), default=0))
                suspects = [e for e in entries if deliveries.get(e.id, 0) > _ISOLATE_AFTER_DELIVERIES]
                await self._processor.process([entry for entry in entries if entry not in suspects])
                for entry in suspects:
                    await self._try_alone(entry)
            if cursor == _BEGINNING:
                return

    async def _try_alone(self, entry: Entry) -> None:
        """Process an entry alone, with a mark that outlives this process if the entry does not let it."""
        trial = await self.group.begin_trial(entry.id)
        try:
            if trial > _TRIALS:
                reason = f"killed its consumer {_TRIALS} times when it ran alone"
                await self._processor.bury(entry, reason, logged=reason)
            else:
                await self._processor.process([entry])
        finally:  # also when this process is told to stop: that is no sign against the entry
            await self.group.end_trial(entry.id)

    async def _clean_up(self) -> None:
        for name in await self.group.dismiss(idle_seconds=self._times.consumer_idle_seconds):
            self._log.info("dismissed", consumer=name)
