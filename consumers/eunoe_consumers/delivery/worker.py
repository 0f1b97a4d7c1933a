"""A group's worker in one process: batches in flight, claims renewed, lost entries reclaimed, consumers dismissed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic

import structlog

from eunoe_consumers.delivery.cancellation import cancel_bounded
from eunoe_consumers.delivery.entry import Entry, EventT
from eunoe_consumers.delivery.processor import GroupWork, Processor
from eunoe_consumers.delivery.slots import Slots
from eunoe_consumers.delivery.stream_group import StreamGroup
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.errors import TransientError
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()

# An entry that came more often runs alone: if it kills its process, its neighbours are safe and it is found out. Each
# time more would cost another process; once less, and whatever any process leaves behind would be done one by one.
_ISOLATE_AFTER_DELIVERIES = 2
# So many processes may die with an entry that runs alone before it is buried; more than one, since a kill may be a
# coincidence.
_TRIALS = 2
_BEATS_PER_CLAIM = 3  # renew and reclaim so often within the time after which a claim lapses
_REGISTRY_SECONDS = 2.0  # a gateway waits five for a lost registry to come back
_BEAT_SECONDS = 2.0
_LAST_BEAT_SECONDS = 2.0
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
        self._beat = work.beat
        self._slots = Slots(work.in_flight)
        self._batches: set[asyncio.Task[None]] = set()
        self._log = log.bind(group=str(group.group))

    async def handle(self, entries: Sequence[Entry]) -> bool:
        """Take a batch; returns when it may be followed by another, not when it is done.

        Returns:
            False once the worker was told to stop: it takes no more. What was read is pending, and left to `drain`.
        """
        with contextlib.ExitStack() as holding:
            # In hand while they wait for room, too: a claim that lapsed would be a delivery more, and double work.
            taken = holding.enter_context(self._processor.taking(entries))
            if not await self._slots.enter():
                return False
            batch = asyncio.create_task(self._processor.finish(taken))
            self._batches.add(batch)
            batch.add_done_callback(partial(self._finished, holding.pop_all()))
            return True

    async def run(self) -> None:
        """Renew, reclaim and clean up, until cancelled.

        Raises:
            GroupLost: If the group is gone.
        """
        try:
            async with asyncio.TaskGroup() as beats:
                beats.create_task(self._every(self._times.claim_after_seconds / _BEATS_PER_CLAIM, self._renew))
                beats.create_task(self._every(self._times.claim_after_seconds / _BEATS_PER_CLAIM, self._reclaim))
                beats.create_task(self._every(_REGISTRY_SECONDS, self._registry.fill_if_absent))
                if self._beat is not None:
                    beats.create_task(self._every(_BEAT_SECONDS, self._beat))
                beats.create_task(self._every(self._times.consumer_idle_seconds / 10, self._clean_up))
        finally:
            # Whoever reads for this worker may be waiting for room, and its own stop would wait for that.
            self._slots.close()

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
        await self._last_beat()

    async def settle(self) -> None:
        """Wait for batches that `drain` could not end, their servers being hung: once these are cut off, they do end.

        A batch that ends after the client of Redis was closed would open a connection that nobody closes.
        """
        await cancel_bounded(self._batches)

    async def _last_beat(self) -> None:
        """Beat once more, for nobody else of the group may be there to do it; a server that hangs is not waited for."""
        if self._beat is None:
            return
        beating = asyncio.create_task(self._beat())
        await asyncio.wait({beating}, timeout=_LAST_BEAT_SECONDS)
        await cancel_bounded({beating})
        if beating.done() and not beating.cancelled() and (error := beating.exception()) is not None:
            self._log.warning("stopped without a last beat", reason=str(error))

    async def _finish(self) -> None:
        """Finish the batches in hand, and what the reader was handed in the moment it was stopped.

        That is pending, and nobody else would look at it before its claim lapses.
        """
        while self._batches:
            await asyncio.wait(self._batches)
        async for entries in self._own_pending():
            await self._take_over(entries)

    async def _own_pending(self) -> AsyncIterator[list[Entry]]:
        """Yield what this consumer has read and not acknowledged, page by page, each entry once."""
        entries = await self.group.own_pending(after=_BEGINNING)
        while entries:
            yield entries
            entries = await self.group.own_pending(after=entries[-1].id)

    def _finished(self, holding: contextlib.ExitStack, batch: asyncio.Task[None]) -> None:
        holding.close()
        self._batches.discard(batch)
        self._slots.leave()
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
        """Take over what lies untouched, batch by batch."""
        cursor = _BEGINNING
        while True:
            cursor, entries = await self.group.claim(after_seconds=self._times.claim_after_seconds, cursor=cursor)
            await self._take_over(entries)
            if cursor == _BEGINNING:
                return

    async def _take_over(self, entries: Sequence[Entry]) -> None:
        """Process entries that were delivered before: together, but for suspects, which come after them and alone.

        All are in hand until the last one is done: suspects may wait for long, and must not be claimed meanwhile.
        """
        with self._processor.taking(entries) as taken:
            deliveries = await self.group.deliveries(taken)
            there = [entry for entry in taken if entry.id in deliveries]  # others are done: their consumer has woken
            if not there:
                return
            self._log.info("taken over", entries=len(there), most_deliveries=max(deliveries.values()))
            suspects = [entry for entry in there if deliveries[entry.id] > _ISOLATE_AFTER_DELIVERIES]
            await self._processor.finish([entry for entry in there if entry not in suspects])
            if not suspects:
                return
            # Those that nothing speaks against come first: they need not wait longer if a known one kills this process.
            trials = await self.group.trials(suspects)
            async with self._slots.alone():  # or another batch's death would count against the suspect
                for entry in sorted(suspects, key=lambda entry: trials.get(entry.id, 0)):
                    await self._try_alone(entry)

    async def _try_alone(self, entry: Entry) -> None:
        """Process an entry alone, with a mark that outlives this process if the entry does not let it.

        Raises:
            TransientError: If its effect has to wait: so would that of every other, and they are left pending.
        """
        trial = await self.group.begin_trial(entry.id)
        if not trial:
            return  # another's by now
        try:
            if trial > _TRIALS:
                reason = f"killed its consumer {_TRIALS} times when it ran alone"
                await self._processor.bury(entry, reason, logged=reason)
            else:
                # Not waiting for an outage to end: whatever happened to this process meanwhile would count against it.
                await self._processor.finish([entry], patient=False)
        except asyncio.CancelledError:  # this process is told to stop: that is no sign against the entry
            await self.group.withdraw_trial(entry.id)
            raise
        except TransientError:
            await self.group.end_trial(entry.id)  # it was survived
            raise
        await self.group.end_trial(entry.id)

    async def _clean_up(self) -> None:
        for name in await self.group.dismiss(idle_seconds=self._times.consumer_idle_seconds):
            self._log.info("dismissed", consumer=name)
