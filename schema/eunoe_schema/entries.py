"""Entry ids of a stream, and the positions that order them."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

# One pipeline can append thousands of entries in a millisecond. 20 bits allow a million, and leave 43 bits for the
# milliseconds, which last until the year 2248. PostgreSQL stores positions, so this must never change.
SEQUENCE_BITS = 20
_LAST_SEQUENCE = (1 << SEQUENCE_BITS) - 1
_LAST_MILLISECOND = (1 << (63 - SEQUENCE_BITS)) - 1


class EntryOrder(NamedTuple):
    """An entry id as two numbers, which compare in stream order."""

    milliseconds: int
    sequence: int

    @classmethod
    def parse(cls, entry_id: str) -> Self:
        """Parse an entry id such as `1700000000000-3`.

        Raises:
            ValueError: If the text is not an entry id.
        """
        milliseconds, _, sequence = entry_id.partition("-")
        return cls(int(milliseconds), int(sequence))

    @classmethod
    def from_position(cls, position: int) -> Self:
        """Return the entry id of a position."""
        return cls(position >> SEQUENCE_BITS, position & _LAST_SEQUENCE)

    @property
    def position(self) -> int:
        """The entry id as one 64-bit number: milliseconds x 2^20 + sequence.

        Raises:
            ValueError: If a number is too large for its bits. Redis makes no such ids, but XADD accepts them from a
                client that chooses its own.
        """
        if self.milliseconds > _LAST_MILLISECOND:
            raise ValueError(f"entry {self} has a time beyond the year 2248")
        if self.sequence > _LAST_SEQUENCE:
            raise ValueError(f"entry {self} has a sequence number beyond {_LAST_SEQUENCE}")
        return (self.milliseconds << SEQUENCE_BITS) + self.sequence

    @property
    def time(self) -> datetime:
        """The time when Redis appended the entry."""
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC)

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"
