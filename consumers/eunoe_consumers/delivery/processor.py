"""Process a batch of entries: decode, refuse, apply, acknowledge. Halve a failing batch down to the bad entry."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    stop_never,
    wait_exponential_jitter,
)

from eunoe_consumers.delivery.entry import Delivered, Entry, EventT, EventT_contra
from eunoe_consumers.delivery.stream_group import StreamGroup
from eunoe_consumers.delivery.tenant_registry import TenantRegistry
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_schema.codec import Refusal
from eunoe_schema.errors import EunoeError

log = structlog.stdlib.get_logger()
ResultT = TypeVar("ResultT")

# Attempts of an entry that meets unforeseen errors. Such an error may be a bug that depends on timing.
_UNFORESEEN_ATTEMPTS = 3


class Effect(Protocol[EventT_contra]):
    """The effect of a group on a batch. It must be idempotent: entries come again, in other batches."""

    async def __call__(self, batch: Sequence[Delivered[EventT_contra]], /) -> Mapping[str, EunoeError]:
        """Apply a batch. Return the error of each entry that failed, by entry id; the others are done.

        Raises:
            TransientError: The whole batch may succeed later.
            PermanentError: An entry of the batch can never succeed.
        """
        ...


def _is_unforeseen(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, TransientError | PermanentError)


async def _ignore(_entry: Entry, _reason: str) -> None:
    pass


@dataclass(frozen=True)
class GroupWork(Generic[EventT]):
    """The part of a group's work that differs from the other groups.

    Attributes:
        decode: Decodes the fields of an entry to an event or a refusal. Never raises.
        effect: Applies a batch.
        split: Divides a batch into parts that are applied and acknowledged one by one. Runs in a thread, because it may
            be slow. None applies the whole batch at once.
        on_refused: Called with the reason before an entry is dead-lettered because it is invalid or its tenant is
            unknown.
        in_flight: Batches that may be processed at the same time.
        periodic: Called every two seconds beside the work, and once at the end. None calls nothing.
    """

    decode: Callable[[Mapping[bytes, bytes]], EventT | Refusal]
    effect: Effect[EventT]
    split: Callable[[Sequence[Delivered[EventT]]], Iterable[Sequence[Delivered[EventT]]]] | None = None
    on_refused: Callable[[Entry, str], Awaitable[None]] = _ignore
    in_flight: int = 1
    periodic: Callable[[], Coroutine[Any, Any, None]] | None = None


class Processor(Generic[EventT]):
    """Processes entries until each is acknowledged, dead-lettered, or left pending.

    Attributes:
        in_hand: The ids of entries that wait or are being processed. Their claims must be renewed.
    """

    def __init__(self, group: StreamGroup, work: GroupWork[EventT], registry: TenantRegistry) -> None:
        self._group = group
        self._work = work
        self._registry = registry
        self._log = log.bind(group=str(group.group))
        self.in_hand: set[str] = set()

    @contextlib.contextmanager
    def holding(self, entries: Sequence[Entry]) -> Generator[list[Entry]]:
        """Hold entries during the block; yield those that were not in hand already."""
        held = self.hold(entries)
        try:
            yield held
        finally:
            self.let_go(held)

    def hold(self, entries: Sequence[Entry]) -> list[Entry]:
        """Take entries in hand, so that their claims are renewed. Return those that were not in hand already."""
        held = [entry for entry in entries if entry.id not in self.in_hand]
        self.in_hand.update(entry.id for entry in held)
        return held

    def let_go(self, held: Sequence[Entry]) -> None:
        """Take entries out of hand. Their claims are no longer renewed."""
        self.in_hand.difference_update(entry.id for entry in held)

    async def process_held(self, held: Sequence[Entry], *, wait_for_outages: bool = True) -> None:
        """Process entries in hand.

        Args:
            held: Entries that `hold` returned.
            wait_for_outages: Whether to retry the effect until a transient error has passed.

        Raises:
            TransientError: If the effect met one and `wait_for_outages` is False. The entries stay pending.
        """
        accepted = await self._retry(lambda: self._accept(held))
        for part in await self._parts(accepted):
            await self._apply(part, wait_for_outages=wait_for_outages)

    async def _parts(self, batch: Sequence[Delivered[EventT]]) -> Sequence[Sequence[Delivered[EventT]]]:
        """Divide a batch. If dividing fails, each entry is a part, so that the effect fails for the bad one only."""
        split = self._work.split
        if split is None or not batch:
            return [batch] if batch else []
        try:
            return await asyncio.to_thread(lambda: list(split(batch)))
        except Exception as error:  # noqa: BLE001 - it reads users' texts; a bug in it must not stop the group
            self._log.warning("a batch could not be divided", reason=str(error))
            return [[delivered] for delivered in batch]

    async def dead_letter(self, entry: Entry, reason: str, *, logged_reason: str) -> None:
        """Move an entry to the dead letters. `logged_reason` must not quote users' words; `reason` may."""
        if await self._retry(lambda: self._group.dead_letter(entry, reason)):
            self._log.warning("dead-lettered", entry_id=entry.id, reason=logged_reason)

    async def _accept(self, entries: Sequence[Entry]) -> list[Delivered[EventT]]:
        """Decode entries. Refuse invalid entries and entries of unknown tenants. Leave doubtful tenants pending.

        Entries of a removed registration are skipped, whether or not their tenant is registered again.
        """
        decoded: list[Delivered[EventT]] = []
        for entry in entries:
            event = self._decode(entry)
            if isinstance(event, Refusal):
                await self._refuse(entry, event)
            else:
                decoded.append(Delivered(entry, event))
        check = await self._registry.check(
            {delivered.event.tenant_id for delivered in decoded}, self._group.group.subject
        )
        accepted: list[Delivered[EventT]] = []
        removed: list[str] = []
        for delivered in decoded:
            tenant_id = delivered.event.tenant_id
            if tenant_id in check.removed and delivered.order <= check.removed[tenant_id]:
                removed.append(delivered.id)
            elif tenant_id in check.unknown:
                reason = f"tenant_id: {tenant_id} is not a registered tenant"
                await self._refuse(delivered.entry, Refusal(reason, "an unknown tenant"))
            elif tenant_id in check.doubtful:
                self._log.warning("left pending", entry_id=delivered.id, reason="the table of tenants cannot be read")
            else:
                accepted.append(delivered)
        if removed:
            # Not dead-lettered: the words of a removed tenant would stay there.
            await self._group.acknowledge(removed)
            self._log.info("skipped", entries=len(removed), reason="their tenant was removed after they were published")
        return accepted

    def _decode(self, entry: Entry) -> EventT | Refusal:
        try:
            return self._work.decode(entry.fields)
        except Exception as error:  # noqa: BLE001 - a bug in a decoder must not let one entry stop the process
            return Refusal(f"not decodable: unforeseen {type(error).__name__}: {error}", type(error).__name__)

    async def _refuse(self, entry: Entry, refusal: Refusal) -> None:
        await self._work.on_refused(entry, refusal.reason)
        await self.dead_letter(entry, refusal.reason, logged_reason=refusal.summary)

    async def _apply(self, batch: Sequence[Delivered[EventT]], *, wait_for_outages: bool) -> None:
        """Apply a batch. If it fails, apply its halves, until the bad entry is alone, and dead-letter that one."""
        try:
            attempts = _UNFORESEEN_ATTEMPTS if len(batch) == 1 else 1
            failures = await self._retry(
                lambda: self._work.effect(batch), unforeseen_attempts=attempts, wait_for_outages=wait_for_outages
            )
        except TransientError:  # only without `wait_for_outages`
            raise
        except Exception as error:  # noqa: BLE001 - the worker loop: no error of one entry may stop the others
            if len(batch) == 1:
                reason = str(error) if isinstance(error, EunoeError) else f"unforeseen {type(error).__name__}: {error}"
                await self.dead_letter(batch[0].entry, reason, logged_reason=type(error).__name__)
                return
            half = len(batch) // 2
            await self._apply(batch[:half], wait_for_outages=wait_for_outages)
            await self._apply(batch[half:], wait_for_outages=wait_for_outages)
            return
        await self._retry(lambda: self._group.acknowledge([done.id for done in batch if done.id not in failures]))
        for delivered in batch:
            match failures.get(delivered.id):
                case None:
                    pass
                case PermanentError() as error:
                    await self.dead_letter(delivered.entry, str(error), logged_reason=type(error).__name__)
                case error:
                    self._log.warning("left pending", entry_id=delivered.id, reason=str(error))

    async def _retry(
        self, call: Callable[[], Awaitable[ResultT]], *, unforeseen_attempts: int = 1, wait_for_outages: bool = True
    ) -> ResultT:
        """Repeat `call` until transient errors have passed. Meanwhile the entries stay in hand and are renewed."""
        unforeseen = AsyncRetrying(
            retry=retry_if_exception(_is_unforeseen),
            wait=wait_exponential_jitter(multiplier=0.05, max=1.0, jitter=0.05),
            stop=stop_after_attempt(unforeseen_attempts),
            reraise=True,
        )
        transient = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            wait=wait_exponential_jitter(multiplier=0.1, max=10.0, jitter=0.5),
            before_sleep=self._log_waiting,
            stop=stop_never if wait_for_outages else stop_after_attempt(1),
            reraise=True,
        )

        async def coroutine() -> ResultT:  # tenacity awaits only coroutine functions; `call` may be any callable
            return await call()

        return await transient(unforeseen.wraps(coroutine))

    def _log_waiting(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._log.warning("waiting", reason=str(error), attempt=state.attempt_number)
