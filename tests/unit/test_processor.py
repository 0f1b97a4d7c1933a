"""The processor: each entry of a batch is acknowledged, dead-lettered with its reason, or left pending."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import pytest

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.delivery.processor import Effect, GroupWork, Processor
from eunoe_consumers.delivery.stream_group import StreamGroup
from eunoe_consumers.delivery.tenant_registry import TenantCheck, TenantRegistry
from eunoe_consumers.errors import ConfigurationError, PermanentError, TransientError
from eunoe_schema.codec import Refusal
from eunoe_schema.entries import EntryOrder
from eunoe_schema.errors import EunoeError
from eunoe_schema.streams import Group, Subject
from eunoe_tests.processors import process

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
STRANGER = UUID("b0000000-0000-4000-8000-000000000002")
DOUBTFUL = UUID("d0000000-0000-4000-8000-000000000001")


@dataclass(frozen=True)
class Note:
    """The event of these tests."""

    tenant_id: UUID
    text: str


Batch = Sequence[Delivered[Note]]
Rule = Callable[[list[str]], Mapping[str, EunoeError]]


def decode(fields: Mapping[bytes, bytes]) -> Note | Refusal:
    """Decode an entry. The text `no note` is refused."""
    text = fields[b"text"].decode()
    return Refusal("not a note", "no note") if text == "no note" else Note(UUID(fields[b"tenant"].decode()), text)


def entry(number: int, text: str = "hello", tenant: UUID = TENANT) -> Entry:
    """Return entry `1-<number>`."""
    return Entry(f"1-{number}", {b"tenant": str(tenant).encode(), b"text": text.encode()})


@dataclass
class Setting:
    """Stands in for the group on Redis, the registry and the effect. Records their calls in order."""

    group: Group = Group.WINDOW
    rule: Rule = field(default=lambda _: {})
    outages: list[str] = field(default_factory=list[str])
    acknowledged: list[list[str]] = field(default_factory=list[list[str]])
    dead_lettered: dict[str, str] = field(default_factory=dict[str, str])
    applied: list[list[str]] = field(default_factory=list[list[str]])
    calls: list[str] = field(default_factory=list[str])
    removed: dict[UUID, EntryOrder] = field(default_factory=dict[UUID, EntryOrder])

    def raise_planned_outage(self, step: str) -> None:
        """Raise if an outage is planned for this step."""
        if step in self.outages:
            self.outages.remove(step)
            raise TransientError("away")

    async def acknowledge(self, ids: Sequence[str]) -> None:
        """Stand in for StreamGroup."""
        self.raise_planned_outage("acknowledge")
        self.acknowledged.append(list(ids))

    async def dead_letter(self, entry: Entry, reason: str) -> bool:
        """Stand in for StreamGroup."""
        self.raise_planned_outage("dead-letter")
        assert entry.id not in self.dead_lettered
        self.dead_lettered[entry.id] = reason
        self.calls.append(f"dead-lettered {entry.id}")
        return True

    async def check(self, tenants: set[UUID], subject: Subject) -> TenantCheck:
        """Stand in for TenantRegistry."""
        assert subject is Subject.MESSAGES
        self.raise_planned_outage("check")
        return TenantCheck(
            unknown=frozenset(tenants - {TENANT, DOUBTFUL}),
            doubtful=frozenset(tenants & {DOUBTFUL}),
            removed=self.removed,
        )

    async def refused(self, refused: Entry, reason: str) -> None:
        """Stand in for the call that informs a client."""
        self.calls.append(f"refused {refused.id}: {reason}")

    async def apply(self, batch: Batch) -> Mapping[str, EunoeError]:
        """Stand in for the effect: record the batch, then follow the rule."""
        ids = [delivered.id for delivered in batch]
        self.applied.append(ids)
        return self.rule(ids)

    def processor(
        self,
        effect: Effect[Note] | None = None,
        split: Callable[[Batch], Sequence[Batch]] = lambda batch: [batch],
    ) -> Processor[Note]:
        """Return a processor that uses these stand-ins."""
        work = GroupWork[Note](decode=decode, effect=effect or self.apply, split=split, on_refused=self.refused)
        return Processor(cast("StreamGroup", self), work, cast("TenantRegistry", self))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip every wait, and record how long it would have been."""
    waited: list[float] = []
    sleep = asyncio.sleep

    async def no_sleep(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    return waited


def raising(error: Exception, guilty: set[str], *, times: int = 1_000) -> Rule:
    """Return a rule that raises `error` for a batch with a guilty entry, at most `times` times."""
    left = [times]

    def rule(ids: list[str]) -> Mapping[str, EunoeError]:
        if left[0] and guilty & set(ids):
            left[0] -= 1
            raise error
        return {}

    return rule


async def test_a_good_batch_is_applied_and_acknowledged_once() -> None:
    """One effect in stream order, one acknowledgement, and nothing in hand afterwards."""
    setting = Setting()
    processor = setting.processor()
    await process(processor, [entry(number) for number in range(3)])
    assert setting.applied == setting.acknowledged == [["1-0", "1-1", "1-2"]]
    assert (setting.dead_lettered, processor.in_hand) == ({}, set())


async def test_an_empty_read_does_nothing() -> None:
    """Neither the effect nor an acknowledgement is called."""
    setting = Setting()
    work = GroupWork[Note](decode=decode, effect=setting.apply)
    await process(Processor(cast("StreamGroup", setting), work, cast("TenantRegistry", setting)), [])
    assert (setting.applied, setting.acknowledged) == ([], [])


async def test_parts_are_acknowledged_one_by_one() -> None:
    """A part is acknowledged before the next one begins, so that finished work stays finished."""
    setting = Setting()
    before: list[int] = []

    def rule(_ids: list[str]) -> Mapping[str, EunoeError]:
        before.append(len(setting.acknowledged))
        return {}

    setting.rule = rule
    await process(setting.processor(split=lambda batch: [batch[:2], batch[2:]]), [entry(n) for n in range(3)])
    assert setting.acknowledged == [["1-0", "1-1"], ["1-2"]]
    assert before == [0, 1]


async def test_invalid_entries_are_dead_lettered_alone() -> None:
    """The client is informed first, then the entry is dead-lettered with its reason. Its neighbours are applied."""
    setting = Setting()
    await process(setting.processor(), [entry(0), entry(1, "no note"), entry(2)])
    assert setting.dead_lettered == {"1-1": "not a note"}
    assert setting.calls == ["refused 1-1: not a note", "dead-lettered 1-1"]
    assert setting.applied == setting.acknowledged == [["1-0", "1-2"]]


async def test_an_event_of_an_unknown_tenant_is_dead_lettered() -> None:
    """The reason names the tenant. The neighbours are applied."""
    setting = Setting()
    await process(setting.processor(), [entry(0, tenant=STRANGER), entry(1)])
    assert setting.dead_lettered == {"1-0": f"tenant_id: {STRANGER} is not a registered tenant"}
    assert setting.calls[0] == f"refused 1-0: {setting.dead_lettered['1-0']}"
    assert setting.applied == setting.acknowledged == [["1-1"]]


async def test_a_tenant_that_cannot_be_looked_up_delays_no_other() -> None:
    """Its event stays pending, neither applied nor dead-lettered. The others are applied."""
    setting = Setting()
    await process(setting.processor(), [entry(0, tenant=DOUBTFUL), entry(1)])
    assert setting.dead_lettered == {}
    assert setting.applied == setting.acknowledged == [["1-1"]]


@pytest.mark.parametrize("guilty", [{0}, {5}, {15}, {3, 4}, {0, 15}, set(range(16))])
async def test_the_guilty_entry_is_found_by_halving(waits: list[float], guilty: set[int]) -> None:
    """Of sixteen entries only the guilty ones are dead-lettered. Every other one is applied and acknowledged."""
    bad = {f"1-{number}" for number in guilty}
    setting = Setting(rule=raising(PermanentError("cannot be stored"), bad))
    await process(setting.processor(), [entry(number) for number in range(16)])
    assert setting.dead_lettered == dict.fromkeys(bad, "cannot be stored")
    done = [entry_id for ids in setting.acknowledged for entry_id in ids]
    assert done == [f"1-{number}" for number in range(16) if number not in guilty]  # each once, in stream order
    assert len(setting.applied) <= 1 + 8 * len(guilty)  # two halves on each of four levels
    assert waits == []


async def test_an_unforeseen_error_is_poison_after_three_attempts(waits: list[float]) -> None:
    """A bug may depend on timing. The dead letter names the type of the error."""
    setting = Setting(rule=raising(ZeroDivisionError("by nought"), {"1-1"}))
    await process(setting.processor(), [entry(0), entry(1)])
    assert setting.dead_lettered == {"1-1": "unforeseen ZeroDivisionError: by nought"}
    assert setting.applied == [["1-0", "1-1"], ["1-0"], ["1-1"], ["1-1"], ["1-1"]]
    assert setting.acknowledged == [["1-0"]]
    assert len(waits) == 2


async def test_an_unforeseen_error_that_passes_dead_letters_nothing(waits: list[float]) -> None:
    """An entry that succeeds in its last attempt is acknowledged like any other."""
    setting = Setting(rule=raising(ZeroDivisionError(), {"1-0"}, times=2))
    await process(setting.processor(), [entry(0)])
    assert (setting.dead_lettered, setting.acknowledged, len(waits)) == ({}, [["1-0"]], 2)


async def test_an_error_of_eunoe_is_the_reason_as_it_is(waits: list[float]) -> None:
    """The dead letter does not call it unforeseen."""
    setting = Setting(rule=raising(ConfigurationError("set it right"), {"1-0"}))
    await process(setting.processor(), [entry(0)])
    assert setting.dead_lettered == {"1-0": "set it right"}
    assert len(waits) == 2


async def test_transient_errors_are_waited_for(waits: list[float]) -> None:
    """The whole batch is tried again, with longer and longer waits, and nothing is lost."""
    setting = Setting(rule=raising(TransientError("away"), {"1-0"}, times=20))
    await process(setting.processor(), [entry(0), entry(1)])
    assert setting.applied == [["1-0", "1-1"]] * 21
    assert (setting.dead_lettered, setting.acknowledged) == ({}, [["1-0", "1-1"]])
    assert len(waits) == 20
    assert max(waits[:2]) < 1 < min(waits[8:]) <= max(waits) <= 10.5


@pytest.mark.parametrize("step", ["check", "dead-letter", "acknowledge"])
async def test_an_outage_of_redis_is_waited_for(waits: list[float], step: str) -> None:
    """Checking the tenants, dead-lettering and acknowledging are repeated. The effect is not."""
    setting = Setting(outages=[step] * 4, rule=lambda _ids: {"1-0": PermanentError("wrong type")})
    await process(setting.processor(), [entry(0), entry(1)])
    assert (setting.dead_lettered, setting.acknowledged) == ({"1-0": "wrong type"}, [["1-1"]])
    assert (len(waits), setting.outages, setting.applied) == (4, [], [["1-0", "1-1"]])


async def test_an_effect_may_return_the_entries_that_failed() -> None:
    """Those with a permanent error are dead-lettered; the other failed entries stay pending."""
    failures = {"1-0": PermanentError("wrong type"), "1-2": TransientError("away"), "1-3": ConfigurationError("?")}
    setting = Setting(rule=lambda _ids: failures)
    processor = setting.processor()
    await process(processor, [entry(number) for number in range(5)])
    assert setting.acknowledged == [["1-1", "1-4"]]
    assert setting.dead_lettered == {"1-0": "wrong type"}
    assert len(setting.applied) == 1
    assert processor.in_hand == set()


@dataclass
class Held:
    """An effect that begins and waits."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[list[str]] = field(default_factory=list[list[str]])

    async def __call__(self, batch: Batch) -> Mapping[str, EunoeError]:
        """Hold the batch until the test lets it end."""
        self.batches.append([delivered.id for delivered in batch])
        self.begun.set()
        await self.may_end.wait()
        return {}


async def test_entries_in_hand_are_not_processed_twice() -> None:
    """A redelivered entry is skipped while it is in hand, and processed again afterwards."""
    setting, held = Setting(), Held()
    processor = setting.processor(held)
    first = asyncio.create_task(process(processor, [entry(0), entry(1)]))
    await held.begun.wait()
    assert processor.in_hand == {"1-0", "1-1"}
    held.may_end.set()
    await process(processor, [entry(1), entry(2)])
    await first
    assert sorted(held.batches) == [["1-0", "1-1"], ["1-2"]]
    await process(processor, [entry(0)])
    assert held.batches[-1] == ["1-0"]


async def test_cancelling_leaves_entries_pending() -> None:
    """A stopping process neither acknowledges nor dead-letters unfinished entries."""
    setting, held = Setting(), Held()
    processor = setting.processor(held)
    working = asyncio.create_task(process(processor, [entry(0), entry(1)]))
    await held.begun.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (setting.acknowledged, setting.dead_lettered, held.batches) == ([], {}, [["1-0", "1-1"]])
    assert processor.in_hand == set()


async def test_cancelling_ends_the_wait_for_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long outage does not delay a stop."""
    setting = Setting(rule=raising(TransientError("away"), {"1-0"}))
    waiting = asyncio.Event()

    async def wait_for_ever(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "sleep", wait_for_ever)
    working = asyncio.create_task(process(setting.processor(), [entry(0)]))
    await waiting.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (setting.acknowledged, setting.dead_lettered, len(setting.applied)) == ([], {}, 1)


async def test_entries_of_a_removed_registration_are_skipped() -> None:
    """They are acknowledged and not dead-lettered, whether or not the tenant is registered again. Later ones pass."""
    setting = Setting(removed={TENANT: EntryOrder(1, 2), STRANGER: EntryOrder(1, 2)})
    entries = [entry(number, tenant=tenant) for number, tenant in enumerate((STRANGER, TENANT, TENANT, STRANGER), 1)]
    await process(setting.processor(), entries)
    assert setting.acknowledged == [["1-1", "1-2"], ["1-3"]]
    assert setting.applied == [["1-3"]]
    assert list(setting.dead_lettered) == ["1-4"]
