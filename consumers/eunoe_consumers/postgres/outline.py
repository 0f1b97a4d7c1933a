"""The outline of a scope: the numbers that BM25 needs of its turns, decoded from PostgreSQL's binary arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import numpy as np
from numpy.typing import NDArray

_EMPTY_ARRAY_BYTES, _ARRAY_HEAD_BYTES = 12, 20

Numbers: TypeAlias = "Sequence[int] | NDArray[np.int64]"


@dataclass(frozen=True)
class Outline:
    """The turns of a scope in stream order, without their texts, and the occurrences of a query's terms.

    An occurrence is a pair of a term and a turn that contains it. There are n turns and m occurrences.

    Attributes:
        positions: The position of each turn, shape (n,) int64, rising.
        session_numbers: The number of each turn's session, shape (n,) int64, from 0. Turns without one share a number.
        lengths: The number of terms of each turn, shape (n,) int64.
        term_count: The number of the query's terms that occur in the scope.
        term_numbers: The term of each occurrence, shape (m,) int64, 0..term_count - 1.
        term_places: The turn of each occurrence, shape (m,) int64, 0..n - 1.
        term_tf: How often the term occurs in the turn, shape (m,) int64.
    """

    positions: NDArray[np.int64]
    session_numbers: NDArray[np.int64]
    lengths: NDArray[np.int64]
    term_count: int
    term_numbers: NDArray[np.int64]
    term_places: NDArray[np.int64]
    term_tf: NDArray[np.int64]

    @classmethod
    def build(
        cls,
        turns: tuple[Numbers, Numbers, Numbers],
        occurrences: tuple[Numbers, Numbers, Numbers],
    ) -> "Outline":
        """Build an outline from the columns that PostgreSQL returns.

        Args:
            turns: Positions, rising, session hashes and lengths.
            occurrences: Term numbers, positions and tf. Occurrences in other turns than `turns` are left out.
        """
        positions, hashes, lengths = (np.asarray(numbers, dtype=np.int64) for numbers in turns)
        numbers, term_positions, tf = (np.asarray(found, dtype=np.int64) for found in occurrences)
        places = np.searchsorted(positions, term_positions)
        there = places < len(positions)
        there[there] = positions[places[there]] == term_positions[there]
        kept, term_numbers = np.unique(numbers[there], return_inverse=True)
        return cls(
            positions=positions,
            session_numbers=np.unique(hashes, return_inverse=True)[1].astype(np.int64),
            lengths=lengths,
            term_count=len(kept),
            term_numbers=term_numbers.astype(np.int64),
            term_places=places[there].astype(np.int64),
            term_tf=tf[there],
        )

    @classmethod
    def from_row(cls, row: asyncpg.Record) -> "Outline":
        """Decode the row of the statement `outline`, in which the newest turn is first."""
        positions, sessions = _numbers(row["positions"], ">i8"), _numbers(row["sessions"], ">i8")
        return cls.build(
            (positions[::-1], sessions[::-1], _numbers(row["lengths"], ">i2")[::-1]),
            (_numbers(row["terms"], ">i2"), _numbers(row["term_positions"], ">i8"), _numbers(row["term_tf"], ">i2")),
        )


def _numbers(sent: bytes, kind: str) -> NDArray[np.int64]:
    """Decode a one-dimensional array without NULL from PostgreSQL's binary format (array_send).

    numpy decodes the whole array at once. The driver makes a Python object of each number, which takes twice as long:
    5.0 ms in place of 2.4 ms for an outline of 5,000 turns, 91 ms in place of 47 ms for 50,000.

    The format is big-endian. The head has 12 bytes (dimensions, flags, element type), and 8 more (length, lower bound)
    if the array is not empty. Each element is its length in bytes and its value.
    """
    if len(sent) <= _EMPTY_ARRAY_BYTES:
        return np.zeros(0, dtype=np.int64)
    elements = np.frombuffer(sent, dtype=[("length", ">i4"), ("value", kind)], offset=_ARRAY_HEAD_BYTES)
    return elements["value"].astype(np.int64)
