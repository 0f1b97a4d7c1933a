"""From a batch of entries to their effect: decode, refuse, apply, acknowledge; bisect to the guilty entry."""

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

# An error that nobody foresaw may be a bug that depends on timing: it gets this many chances, then it is poison.
_UNFORESEEN_ATTEMPTS = 3


class Effect(Protocol[EventT_contra]):
    """What a group does with a batch. Idempotent: the same entries may come again, in another company."""

    async def __call__(self, batch: Sequence[Delivered[EventT_contra]], /) -> Mapping[str, EunoeError]:
        """Apply a batch; what it returns is done, but for the entry ids named with their errors.

        Raises:
            TransientError: The whole batch may succeed later.
            PermanentError: Something in the batch can never succeed.
        """
        ...


def _is_unforeseen(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, TransientError | PermanentError)


async def _ignore(_entry: Entry, _reason: str) -> None:
    pass


@dataclass(frozen=True)
class GroupWork(Generic[EventT]):
    """What distinguishes one group from another.

    Attributes:
        decode: An entry's fields to an event or a refusal; never raises.
        effect: What is done with a batch.
        split: Divides a batch into the parts that are applied and acknowledged at once; called in a thread, since it
            may be slow. None for the whole batch.
        on_refused: Told of an entry before it is buried as undecodable or of an unknown tenant.
        in_flight: Batches that may be worked on at the same time.
        beat: Done every two seconds beside the work; None for nothing.
    """

    decode: Callable[[Mapping[bytes, bytes]], EventT | Refusal]
    effect: Effect[EventT]
    split: Callable[[Sequence[Delivered[EventT]]], Iterable[Sequence[Delivered[EventT]]]] | None = None
    on_refused: Callable[[Entry, str], Awaitable[None]] = _ignore
    in_flight: int = 1
    beat: Callable[[], Coroutine[Any, Any, None]] | None = None


class Processor(Generic[EventT]):
    """Takes batches to their end: when `process` returns, each entry is acknowledged, buried, or left pending."""

    def __init__(self, group: StreamGroup, work: GroupWork[EventT], registry: TenantRegistry) -> None:
        self._group = group
        self._work = work
        self._registry = registry
        self._log = log.bind(group=str(group.group))
        self.in_hand: set[str] = set()

    async def process(self, entries: Sequence[Entry]) -> None:
        """Process entries; those already in hand are left to whoever has them."""
        with self.taking(entries) as taken:
            await self.finish(taken)

    @contextlib.contextmanager
    def taking(self, entries: Sequence[Entry]) -> Generator[list[Entry]]:
        """Have entries in hand for the length of the block, so that their claims are renewed while they wait.

        Yields:
            Those that were not in hand already.
        """
        taken = [entry for entry in entries if entry.id not in self.in_hand]
        ids = {entry.id for entry in taken}
        self.in_hand |= ids
        try:
            yield taken
        finally:
            self.in_hand -= ids

    async def finish(self, taken: Sequence[Entry], *, patient: bool = True) -> None:
        """Bring entries in hand to their end.

        Args:
            taken: What `taking` has yielded, or a part of it.
            patient: Whether to wait where the effect can only succeed later.

        Raises:
            TransientError: If the effect can only succeed later, and nobody is to wait for that: all is left pending.
        """
        accepted = await self._persist(lambda: self._accept(taken))
        for part in await self._parts(accepted):
            await self._apply(part, patient=patient)

    async def _parts(self, batch: Sequence[Delivered[EventT]]) -> Sequence[Sequence[Delivered[EventT]]]:
        """Divide a batch; where that fails, each entry stands alone, and the effect will tell which is guilty."""
        split = self._work.split
        if split is None or not batch:
            return [batch] if batch else []
        try:
            return await asyncio.to_thread(lambda: list(split(batch)))
        except Exception as error:  # noqa: BLE001 - it looks into what users wrote, and must not keep it from its end
            self._log.warning("a batch could not be divided", reason=str(error))
            return [[delivered] for delivered in batch]

    async def bury(self, entry: Entry, reason: str, *, logged: str) -> None:
        """Move an entry to the dead letters, with its reason; what is logged of it must hold no word of a user's."""
        if await self._persist(lambda: self._group.bury(entry, reason)):
            self._log.warning("buried", entry_id=entry.id, reason=logged)

    async def _accept(self, entries: Sequence[Entry]) -> list[Delivered[EventT]]:
        """Decode entries; bury what is no event, or of a tenant that nobody registered."""
        good: list[Delivered[EventT]] = []
        for entry in entries:
            event = self._decode(entry)
            if isinstance(event, Refusal):
                await self._refuse(entry, event)
            else:
                good.append(Delivered(entry, event))
        check = await self._registry.check({delivered.event.tenant_id for delivered in good})
        for delivered in good:
            if delivered.event.tenant_id in check.unknown:
                reason = f"tenant_id: {delivered.event.tenant_id} is not a registered tenant"
                await self._refuse(delivered.entry, Refusal(reason, "an unknown tenant"))
            if delivered.event.tenant_id in check.doubtful:
                self._log.warning("left pending", entry_id=delivered.id, reason="the table of tenants cannot be asked")
        left_out = check.unknown | check.doubtful
        return [delivered for delivered in good if delivered.event.tenant_id not in left_out]

    def _decode(self, entry: Entry) -> EventT | Refusal:
        try:
            return self._work.decode(entry.fields)
        except Exception as error:  # noqa: BLE001 - it must not raise; if it does, one entry must not end the process
            return Refusal(f"not decodable: unforeseen {type(error).__name__}: {error}", type(error).__name__)

    async def _refuse(self, entry: Entry, refusal: Refusal) -> None:
        await self._work.on_refused(entry, refusal.reason)
        await self.bury(entry, refusal.reason, logged=refusal.summary)

    async def _apply(self, batch: Sequence[Delivered[EventT]], *, patient: bool) -> None:
        """Apply a batch; where something in it is poison, halve it until the guilty entry stands alone."""
        try:
            attempts = _UNFORESEEN_ATTEMPTS if len(batch) == 1 else 1
            failures = await self._persist(
                lambda: self._work.effect(batch), unforeseen_attempts=attempts, patient=patient
            )
        except TransientError:  # only where nobody waits for it to pass
            raise
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever an entry causes must not stop the others
            if len(batch) == 1:
                reason = str(error) if isinstance(error, EunoeError) else f"unforeseen {type(error).__name__}: {error}"
                await self.bury(batch[0].entry, reason, logged=type(error).__name__)
                return
            half = len(batch) // 2
            await self._apply(batch[:half], patient=patient)
            await self._apply(batch[half:], patient=patient)
            return
        await self._persist(lambda: self._group.acknowledge([done.id for done in batch if done.id not in failures]))
        for delivered in batch:
            match failures.get(delivered.id):
                case None:
                    pass
                case PermanentError() as error:
                    await self.bury(delivered.entry, str(error), logged=type(error).__name__)
                case error:
                    self._log.warning("left pending", entry_id=delivered.id, reason=str(error))

    async def _persist(
        self, call: Callable[[], Awaitable[ResultT]], *, unforeseen_attempts: int = 1, patient: bool = True
    ) -> ResultT:
        """Call until what hinders it has passed: the batch stays in hand, and its claims are renewed meanwhile."""
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
            stop=stop_never if patient else stop_after_attempt(1),
            reraise=True,
        )

        async def again() -> ResultT:  # tenacity awaits coroutine functions only, and `call` may be any callable
            return await call()

        return await transient(unforeseen.wraps(again))

    def _log_waiting(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._log.warning("waiting", reason=str(error), attempt=state.attempt_number)
