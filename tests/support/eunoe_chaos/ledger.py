"""What was published, and what gateways were told of it."""

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
    """An event, and each answer that a gateway got for it.

    Attributes:
        event: What was published.
        kind: `good`; or what the model does with it: `raise`, or `exit` the process.
        entry_ids: The entry ids of its receipts: one, if the receipts agree.
        first_receipts: Receipts that did not call it a duplicate: one at most.
        raced: It was published by somebody else than its conversation's gateway, beside it: its place is open.
    """

    event: MessageEvent
    kind: MessageKind
    entry_ids: set[str] = field(default_factory=set[str])
    first_receipts: int = 0
    raced: bool = False

    @property
    def entry_id(self) -> str:
        """The entry id that the receipts name."""
        return min(self.entry_ids)

    @property
    def order(self) -> EntryOrder:
        """Its place on the stream, by its receipt."""
        return EntryOrder.parse(self.entry_id)


@dataclass
class Conversation:
    """A scope and its events, in the order in which they were made.

    Attributes:
        scope: The scope.
        mark: What each of its messages begins with, and no other scope's.
        events: Its events.
    """

    scope: Scope
    mark: str
    events: list[Published] = field(default_factory=list[Published])

    def accepted(self) -> list[Published]:
        """Return those with a receipt, in stream order."""
        return sorted((event for event in self.events if event.entry_ids), key=lambda event: event.order)


@dataclass
class Ledger:
    """All conversations, and what is counted on the way.

    Attributes:
        conversations: One for each scope.
        duplicates: Publications of an event that had been published before.
        refusals: Events that a gateway refused though nothing was wrong with them, by error.
    """

    conversations: Sequence[Conversation]
    duplicates: int = 0
    refusals: Counter[str] = field(default_factory=Counter[str])

    @property
    def events(self) -> list[Published]:
        """Every event of every conversation."""
        return [event for conversation in self.conversations for event in conversation.events]

    def contradictions(self) -> int:
        """Count the events whose receipts name different entries, or claim twice to be the first."""
        return sum(len(event.entry_ids) > 1 or event.first_receipts > 1 for event in self.events)

    def out_of_order(self) -> int:
        """Count the events whose entry stands before that of an event that was published earlier in their scope."""
        count = 0
        for conversation in self.conversations:
            orders = [event.order for event in conversation.events if event.entry_ids and not event.raced]
            count += sum(later < earlier for earlier, later in pairwise(orders))
        return count
