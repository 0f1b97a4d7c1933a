"""The published events and their receipts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from eunoe_schema import MessageEvent, Scope
from eunoe_schema.entries import EntryOrder

MessageKind = Literal["good", "raise", "exit"]


@dataclass
class Published:
    """An event and its receipts.

    Attributes:
        event: The event.
        kind: `good`; or what the model does with it: `raise`, or `exit` the process.
        entry_ids: The entry ids of its receipts. There must be one.
        first_receipts: Receipts that are not duplicates: at most one.
        raced: Whether two gateways published it at the same time, so that its order is open.
    """

    event: MessageEvent
    kind: MessageKind
    entry_ids: set[str] = field(default_factory=set[str])
    first_receipts: int = 0
    raced: bool = False

    @property
    def entry_id(self) -> str:
        """The entry id of the receipts."""
        return min(self.entry_ids)

    @property
    def order(self) -> EntryOrder:
        """The position on the stream, by the receipt."""
        return EntryOrder.parse(self.entry_id)


@dataclass
class Conversation:
    """A scope and its events in order.

    Attributes:
        scope: The scope.
        mark: The beginning of each of its messages, and of no other scope's.
        events: Its events.
    """

    scope: Scope
    mark: str
    events: list[Published] = field(default_factory=list[Published])

    def accepted(self) -> list[Published]:
        """Return the events that have a receipt, in stream order."""
        return sorted((event for event in self.events if event.entry_ids), key=lambda event: event.order)


@dataclass
class Ledger:
    """All conversations and their counts.

    Attributes:
        conversations: One for each scope.
        duplicates: Repeated publications of an event.
        refusals: Valid events that a gateway refused, by error.
    """

    conversations: Sequence[Conversation]
    duplicates: int = 0
    refusals: Counter[str] = field(default_factory=Counter[str])

    @property
    def events(self) -> list[Published]:
        """Every event of every conversation."""
        return [event for conversation in self.conversations for event in conversation.events]

    def contradictions(self) -> int:
        """Count the events with different entry ids, or with two receipts that are not duplicates."""
        return sum(len(event.entry_ids) > 1 or event.first_receipts > 1 for event in self.events)

    def out_of_order(self) -> int:
        """Count the events that are on the stream before an earlier event of their scope."""
        count = 0
        for conversation in self.conversations:
            orders = [event.order for event in conversation.events if event.entry_ids and not event.raced]
            count += sum(later < earlier for earlier, later in pairwise(orders))
        return count
