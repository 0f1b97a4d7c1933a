"""Stream entry ids, and the order that they give."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

# Entries of one pipeline share a millisecond; sequence numbers in the thousands were seen. 2^20 leaves room for a
# million in one millisecond, and 43 bits for the milliseconds: until the year 2248.
SEQUENCE_BITS = 20
_SEQUENCE_MASK = (1 << SEQUENCE_BITS) - 1
_LAST_MILLISECOND = (1 << (63 - SEQUENCE_BITS)) - 1


class EntryOrder(NamedTuple):
    """An entry id as two numbers, ordered as the stream is."""

    milliseconds: int
    sequence: int

    @classmethod
    def parse(cls, entry_id: str) -> Self:
        """Parse `1700000000000-3`.

        Raises:
            ValueError: If it is not an entry id.
        """
        milliseconds, _, sequence = entry_id.partition("-")
        return cls(int(milliseconds), int(sequence))

    @classmethod
    def from_position(cls, position: int) -> Self:
        """Return the entry id that `position` was made from."""
        return cls(position >> SEQUENCE_BITS, position & _SEQUENCE_MASK)

    @property
    def position(self) -> int:
        """The place in the stream as one 64-bit number: milliseconds x 2^20 + sequence.

        Raises:
            ValueError: If the sequence number does not fit in 20 bits, or the milliseconds do not in 43: only who
                appends past the gateway, with an id of their own, can make such an entry.
        """
        if self.milliseconds > _LAST_MILLISECOND:
            msg = f"entry {self} is of a time beyond the year 2248"
            raise ValueError(msg)
        if self.sequence > _SEQUENCE_MASK:
            msg = f"entry {self} has a sequence number beyond {_SEQUENCE_MASK}"
            raise ValueError(msg)
        return (self.milliseconds << SEQUENCE_BITS) + self.sequence

    @property
    def time(self) -> datetime:
        """When the entry was appended, by the clock of Redis."""
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC)

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"
