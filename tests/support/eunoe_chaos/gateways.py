"""Two gateways that publish conversations for as long as the storm lasts."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, get_args
from uuid import UUID

from eunoe_chaos.ledger import Conversation, Ledger, MessageKind, Published
from eunoe_chaos.plan import Plan
from eunoe_chaos.poison import Poisoner
from eunoe_consumers.embedding.hash_embedder import EXIT_MARKER, RAISE_MARKER
from eunoe_producers import BacklogFull, Gateway, RateLimited, RedisUnavailable
from eunoe_schema import EunoeError, MessageEvent, Receipt, Scope

_BURST = (4, 36)  # events that a gateway publishes in one go
_RETRY_SECONDS = 0.2
# Five of the six kinds of poison are written past the gateway; the sixth is a text that the model refuses.
_MODEL_POISON_SHARE = 1 / 6
_LATE_EVENTS = 1_000  # how many events later a late duplicate comes, at least
_WORDS = (
    "harbour", "lantern", "river", "garden", "winter", "letter", "music",
    "bicycle", "window", "ticket", "kitchen", "mountain", "recipe", "museum",
)  # fmt: skip
_CONTENT_WORDS = 9

Again = Literal["at once", "soon", "late"]
_MARKERS: dict[MessageKind, str] = {"good": "", "raise": f" {RAISE_MARKER}", "exit": f" {EXIT_MARKER}"}


def conversations(tenants: Sequence[UUID], count: int) -> list[Conversation]:
    """Return scopes over all tenants and two agents; users of different tenants have the same ids."""
    agents = [UUID(int=agent + 1, version=4) for agent in range(2)]
    found: list[Conversation] = []
    for index in range(count):
        tenant, agent = tenants[index % len(tenants)], agents[index // len(tenants) % len(agents)]
        user = f"user:{index // (len(tenants) * len(agents))}"
        found.append(Conversation(Scope(tenant_id=tenant, agent_id=agent, user_id=user), f"[scope {index}] "))
    return found


class Publisher:
    """Publishes for both gateways. Each has conversations of its own, and sometimes repeats an event of the other."""

    def __init__(self, gateways: Sequence[Gateway], ledger: Ledger, poisoner: Poisoner, plan: Plan) -> None:
        self._gateways = gateways
        self._ledger = ledger
        self._poisoner = poisoner
        self._plan = plan
        self._dice = Random(plan.seed)  # noqa: S311 - repeatable, not secret
        self._late: deque[tuple[int, Published]] = deque()
        self.published = 0

    async def run(self, over: Callable[[], bool]) -> None:
        """Publish until all planned events are published and the storm is over; then every duplicate still due."""
        await asyncio.gather(*(self._run(index, over) for index in range(len(self._gateways))))
        await self._publish(self._gateways[0], [event for _, event in self._late], again=True)

    async def publish_killer(self) -> Published:
        """Publish a message that ends each process that embeds it."""
        event = self._next(self._dice.choice(self._ledger.conversations), "exit")
        event.raced = True
        await self._publish(self._gateways[0], [event])
        return event

    async def _run(self, index: int, over: Callable[[], bool]) -> None:
        gateway, other = self._gateways[index], self._gateways[1 - index]
        own = self._ledger.conversations[index :: len(self._gateways)]
        soon: list[Published] = []
        while self.published < self._plan.events or not over():
            burst = [self._next(self._dice.choice(own)) for _ in range(self._dice.randint(*_BURST))]
            again: dict[Again, list[Published]] = {when: [] for when in get_args(Again)}
            for event in burst:
                if self._dice.random() < self._plan.duplicate_share:
                    again[self._dice.choice(get_args(Again))].append(event)
            for event in again["at once"]:
                event.raced = True
            await asyncio.gather(
                self._publish(gateway, burst),
                self._publish(other, [*again["at once"], *self._due()], again=True),
                self._publish(gateway, soon, again=True),
            )
            soon = again["soon"]
            self._late.extend((self.published + _LATE_EVENTS, event) for event in again["late"])
            raw_share = self._plan.poison_share * (1 - _MODEL_POISON_SHARE)
            for _ in range(sum(self._dice.random() < raw_share for _ in burst)):
                await self._poisoner.write()
            await asyncio.sleep(len(burst) * len(self._gateways) / self._plan.events_per_second)
        await self._publish(gateway, soon, again=True)

    def _next(self, conversation: Conversation, kind: MessageKind | None = None) -> Published:
        number = len(conversation.events)
        if kind is None:
            kind = "raise" if self._dice.random() < self._plan.poison_share * _MODEL_POISON_SHARE else "good"
        words = " ".join(self._dice.choices(_WORDS, k=_CONTENT_WORDS))
        event = MessageEvent(
            event_id=f"message {number}",  # the same in every conversation, as channels number their messages
            tenant_id=conversation.scope.tenant_id,
            agent_id=conversation.scope.agent_id,
            user_id=conversation.scope.user_id,
            role="assistant" if number % 2 else "user",
            content=f"{conversation.mark}{number}: {words}{_MARKERS[kind]}",
        )
        published = Published(event, kind)
        conversation.events.append(published)
        return published

    def _due(self) -> list[Published]:
        due: list[Published] = []
        while self._late and self._late[0][0] <= self.published:
            due.append(self._late.popleft()[1])
        return due

    async def _publish(self, gateway: Gateway, events: Sequence[Published], *, again: bool = False) -> None:
        """Publish until each event has a receipt, as the caller of a gateway should."""
        left = list(events)
        while left:
            outcomes = await _outcomes(gateway, left)
            for event, outcome in zip(left, outcomes, strict=True):
                self._record(event, outcome)
            # The first event that has to wait is published again with all later ones, because none may overtake it.
            waits = next((at for at, found in enumerate(outcomes) if _is_transient(found)), len(left))
            left = left[waits:]
            if left:
                await asyncio.sleep(_RETRY_SECONDS)
        if again:
            self._ledger.duplicates += len(events)
        else:
            self.published += len(events)

    def _record(self, event: Published, outcome: Receipt | EunoeError) -> None:
        if isinstance(outcome, Receipt):
            event.entry_ids.add(outcome.entry_id)
            event.first_receipts += not outcome.duplicate
        elif not _is_transient(outcome):
            self._ledger.refusals[type(outcome).__name__] += 1


async def _outcomes(gateway: Gateway, events: Sequence[Published]) -> Sequence[Receipt | EunoeError]:
    try:
        return await gateway.publish_many(event.event for event in events)
    except RedisUnavailable as error:
        return [error] * len(events)


def _is_transient(outcome: Receipt | EunoeError) -> bool:
    """Return whether the same publication may succeed later."""
    return isinstance(outcome, BacklogFull | RateLimited | RedisUnavailable)
