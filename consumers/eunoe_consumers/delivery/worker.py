"""Run one group in one process: process batches, renew claims, claim abandoned entries, delete idle consumers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Generic

import structlog

from eunoe_consumers.delivery.entry import Entry, EventT
from eunoe_consumers.delivery.processor import GroupWork, Processor
from eunoe_consumers.delivery.settings import DeliverySettings
from eunoe_consumers.delivery.slots import Slots
from eunoe_consumers.delivery.stream_group import StreamGroup
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.errors import TransientError
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()

# An entry with more deliveries is suspected of killing its process, and gets isolated attempts. A higher threshold
# costs one more crashed process per poison entry. A lower one would process every redelivered entry alone.
_ISOLATE_AFTER_DELIVERIES = 2
# Isolated attempts of an entry before it is dead-lettered. One death of a process may be a coincidence.
_ISOLATED_ATTEMPTS = 2
_HEARTBEATS_PER_CLAIM = 3  # heartbeats and claims within the time after which another consumer claims an entry
_REGISTRY_SECONDS = 2.0  # a gateway waits five seconds for a lost registry to be filled again
_PERIODIC_SECONDS = 2.0
_LAST_PERIODIC_SECONDS = 2.0
_BEGINNING = "0-0"
# A cancelled call of a driver may wait for its server. A server that hangs must not delay the end of the process.
_CANCEL_SECONDS = 2.0


async def cancel_bounded(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks and wait briefly for their end. Their errors are not raised.

    A task that needs longer ends when its connection is closed, or with the event loop.
    """
    cancelled = set(tasks)
    for task in cancelled:
        task.cancel()
    if cancelled:
        await asyncio.wait(cancelled, timeout=_CANCEL_SECONDS)


class Worker(Generic[EventT]):
    """Processes the entries of one group. Its life: `run` beside `handle`, then `finish_or_release`, then `abandon`."""

    def __init__(
        self, group: StreamGroup, work: GroupWork[EventT], registry: TenantRegistry, settings: DeliverySettings
    ) -> None:
        self.group = group
        self._registry = registry
        self._settings = settings
        self._processor = Processor(group, work, registry)
        self._periodic = work.periodic
        self._slots = Slots(work.in_flight)
        self._batches: set[asyncio.Task[None]] = set()
        self._log = log.bind(group=str(group.group))

    async def handle(self, entries: Sequence[Entry]) -> bool:
        """Start a batch. Returns when the next batch may come, not when this one is done.

        Returns:
            False once the worker has stopped. Then the entries stay pending until `finish_or_release`.
        """
        # Hold them before waiting for a slot: otherwise another consumer may claim them and do the same work.
        held = self._processor.hold(entries)
        admitted = False
        try:
            admitted = await self._slots.enter()
        finally:
            if not admitted:
                self._processor.let_go(held)
        if admitted:
            batch = asyncio.create_task(self._processor.process_held(held))
            self._batches.add(batch)
            # A callback rather than a `finally` in the task: a task cancelled before its first step runs no code.
            batch.add_done_callback(partial(self._batch_ended, held))
        return admitted

    def _batch_ended(self, held: Sequence[Entry], batch: asyncio.Task[None]) -> None:
        self._processor.let_go(held)
        self._batches.discard(batch)
        self._slots.leave()
        if not batch.cancelled() and (error := batch.exception()) is not None:
            # Its entries are still pending: the reclaimer brings them again.
            self._log.error("a batch failed", exc_info=error)

    async def run(self) -> None:
        """Renew, claim and clean up until cancelled.

        Raises:
            GroupLost: If the group is gone.
        """
        heartbeat_seconds = self._settings.claim_after_seconds / _HEARTBEATS_PER_CLAIM
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(heartbeat_seconds, self._renew))
                tasks.create_task(self._repeat(heartbeat_seconds, self._reclaim))
                tasks.create_task(self._repeat(_REGISTRY_SECONDS, self._registry.fill_if_absent))
                if self._periodic is not None:
                    tasks.create_task(self._repeat(_PERIODIC_SECONDS, self._periodic))
                tasks.create_task(self._repeat(self._settings.consumer_idle_seconds / 10, self._delete_idle_consumers))
        finally:
            # A reader may wait for a slot in `handle`. Without this, stopping the reader would wait for that.
            self._slots.close()

    async def finish_or_release(self, seconds: float) -> None:
        """Finish all entries of this consumer within `seconds`, release the rest, and delete the consumer.

        The entries are those in hand and those that the reader read but never handed over.
        """
        finishing = asyncio.create_task(self._finish())
        await asyncio.wait({finishing}, timeout=seconds)
        if not finishing.done():
            self._log.warning("stopped with unfinished entries", reason=f"they took longer than {seconds:g} s")
        elif (error := finishing.exception()) is not None:
            self._log.warning("stopped with unfinished entries", reason=str(error))
        await cancel_bounded({finishing, *self._batches})
        with contextlib.suppress(EunoeError):
            async for entries in self._own_pending():
                await self.group.release([entry.id for entry in entries])
            await self.group.delete_idle_consumers(idle_seconds=0, only_self=True)
        await self._call_periodic_once_more()

    async def abandon(self) -> None:
        """Cancel batches that hang on a server that does not answer. Call after their connections are closed.

        A batch that ends after the client of Redis is closed would open a connection that is never closed.
        """
        await cancel_bounded(self._batches)

    async def _call_periodic_once_more(self) -> None:
        """Record the final state, because this may be the last process of the group. Do not wait for a hung server."""
        if self._periodic is None:
            return
        last_call = asyncio.create_task(self._periodic())
        await asyncio.wait({last_call}, timeout=_LAST_PERIODIC_SECONDS)
        await cancel_bounded({last_call})
        if last_call.done() and not last_call.cancelled() and (error := last_call.exception()) is not None:
            self._log.warning("stopped without recording the final state", reason=str(error))

    async def _finish(self) -> None:
        """Finish the batches in hand, then the entries that were read but never handed over.

        Other consumers would get the latter only after `claim_after_seconds`.
        """
        while self._batches:
            await asyncio.wait(self._batches)
        async for entries in self._own_pending():
            await self._take_over(entries)

    async def _own_pending(self) -> AsyncIterator[list[Entry]]:
        """Yield the pending entries of this consumer, page by page, each entry once."""
        entries = await self.group.own_pending(after=_BEGINNING)
        while entries:
            yield entries
            entries = await self.group.own_pending(after=entries[-1].id)

    async def _repeat(self, seconds: float, call: Callable[[], Awaitable[None]]) -> None:
        """Call again and again at a fixed pace. An outage delays the next call."""
        while True:
            started = time.monotonic()
            try:
                await call()
            except TransientError as error:
                self._log.warning("waiting", reason=str(error))
            await asyncio.sleep(max(0.05, seconds - (time.monotonic() - started)))

    async def _renew(self) -> None:
        if self._processor.in_hand:
            await self.group.renew(list(self._processor.in_hand))

    async def _reclaim(self) -> None:
        """Claim and process the entries of consumers without a heartbeat, page by page."""
        cursor = _BEGINNING
        while True:
            cursor, entries = await self.group.claim(after_seconds=self._settings.claim_after_seconds, cursor=cursor)
            await self._take_over(entries)
            if cursor == _BEGINNING:
                return

    async def _take_over(self, entries: Sequence[Entry]) -> None:
        """Process redelivered entries: first the unsuspected ones together, then each suspected one alone.

        All stay in hand until the last one is done. Suspected entries may wait long, and must not be claimed meanwhile.
        """
        with self._processor.holding(entries) as held:
            deliveries = await self.group.deliveries(held)
            pending = [entry for entry in held if entry.id in deliveries]  # the owner may have woken and finished some
            if not pending:
                return
            self._log.info("taken over", entries=len(pending), most_deliveries=max(deliveries.values()))
            suspects = [entry for entry in pending if deliveries[entry.id] > _ISOLATE_AFTER_DELIVERIES]
            await self._processor.process_held([entry for entry in pending if entry not in suspects])
            if not suspects:
                return
            attempts = await self.group.isolated_attempts(suspects)
            # Without other batches: a crash that another batch causes would count against the suspect.
            async with self._slots.alone():
                # The least suspected first, so that they need not wait longer when a known killer ends this process.
                for entry in sorted(suspects, key=lambda entry: attempts.get(entry.id, 0)):
                    await self._attempt_isolated(entry)

    async def _attempt_isolated(self, entry: Entry) -> None:
        """Process an entry alone. Redis counts the attempt, and keeps the count if this process dies.

        Raises:
            TransientError: If the effect met one. Other suspects would meet it too, so all are left pending.
        """
        attempt = await self.group.begin_isolated_attempt(entry.id)
        if not attempt:
            return  # another consumer owns the entry now
        try:
            if attempt > _ISOLATED_ATTEMPTS:
                reason = f"killed its consumer in {_ISOLATED_ATTEMPTS} isolated attempts"
                await self._processor.dead_letter(entry, reason, logged_reason=reason)
            else:
                # Do not wait for an outage: the end of this process during the wait would count against the entry.
                await self._processor.process_held([entry], wait_for_outages=False)
        except asyncio.CancelledError:  # this process stops, which says nothing against the entry
            await self.group.withdraw_isolated_attempt(entry.id)
            raise
        except TransientError:
            await self.group.clear_isolated_attempts(entry.id)  # the process survived the entry
            raise
        await self.group.clear_isolated_attempts(entry.id)

    async def _delete_idle_consumers(self) -> None:
        for name in await self.group.delete_idle_consumers(idle_seconds=self._settings.consumer_idle_seconds):
            self._log.info("deleted an idle consumer", consumer=name)
