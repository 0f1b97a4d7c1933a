"""Search one scope for the candidates of a recall: by words and by meaning."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.giants.search import nearest_approximately
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.events import MessageRole
from eunoe_schema.scope import Scope

# Further terms do not improve a query of thousands of words.
QUERY_TERMS = 64
# The search by words covers the newest turns of a giant scope.
OUTLINE_TURNS = 50_000
# The search looks at the newest occurrences of a term. A more frequent term says little, and would take a second.
TERM_TURNS = 10_000
_EMPTY_ARRAY_BYTES, _ARRAY_HEAD_BYTES = 12, 20

Numbers: TypeAlias = "Sequence[int] | NDArray[np.int64]"


class RecallQueries(QueryFile, file="recall"):
    """The statements of recall.sql."""

    scope_facts: str
    outline: str
    candidates: str
    neighbours: str


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


@dataclass(frozen=True)
class TurnCandidate:
    """A turn that may answer the query.

    Attributes:
        id: The id of the turn.
        event_id: The channel's id of the message.
        position: Its position on the stream.
        role: The message role.
        content: The whole text.
        speaker: The display name of its writer, if known.
        session_id: Its session, if any.
        created_at: When it was appended to the stream.
        occurred_at: When it was written, if the gateway said so.
        cosine: The cosine of its best piece and the query, -1..1.
        span: The start and the end of that piece in the content; None if the message has one piece.
    """

    id: UUID
    event_id: str
    position: int
    role: MessageRole
    content: str
    speaker: str | None
    session_id: str | None
    created_at: datetime
    occurred_at: datetime | None
    cosine: float
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class NeighbourTurn:
    """The turn before or after another one in the scope. It may belong to another session."""

    event_id: str
    role: MessageRole
    content: str
    speaker: str | None
    session_id: str | None


@dataclass(frozen=True)
class Beside:
    """The turns directly before and after a turn; None at the ends of the scope."""

    before: NeighbourTurn | None
    after: NeighbourTurn | None


@dataclass(frozen=True)
class ScopeFacts:
    """Facts of a scope that a search needs before it starts.

    Attributes:
        speakers: The display names of its speakers; 200 at most.
        is_giant: Whether the scope has its own index, and is searched approximately.
    """

    speakers: frozenset[str]
    is_giant: bool


class CandidateReader:
    """Reads one scope: every transaction has the tenant's policy, and every predicate names the scope."""

    def __init__(self, database: Database, *, ann_ef_search: int = 100) -> None:
        self._database = database
        self._ann_ef_search = ann_ef_search

    async def facts(self, scope: Scope) -> ScopeFacts:
        """Read the speakers of a scope, and whether it is a giant.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            row = await connection.fetchrow(RecallQueries.scope_facts, scope.tenant_id, scope.agent_id, scope.user_id)
        if row is None:
            raise AssertionError  # a SELECT without FROM returns one row
        return ScopeFacts(frozenset(row["speakers"]), row["is_giant"])

    async def outline(self, scope: Scope, query: str) -> Outline:
        """Return the outline of a scope for a query. The query's words are stemmed in the tenant's language.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            row = await connection.fetchrow(
                RecallQueries.outline,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                query,
                QUERY_TERMS,
                OUTLINE_TURNS,
                TERM_TURNS,
            )
        if row is None:
            raise AssertionError  # an aggregate returns one row
        newest_first = (
            _numbers(row["positions"], ">i8"),
            _numbers(row["sessions"], ">i8"),
            _numbers(row["lengths"], ">i2"),
        )
        turns = (newest_first[0][::-1], newest_first[1][::-1], newest_first[2][::-1])
        return Outline.build(
            turns,
            (_numbers(row["terms"], ">i2"), _numbers(row["term_positions"], ">i8"), _numbers(row["term_tf"], ">i2")),
        )

    async def candidates(
        self,
        scope: Scope,
        embedding: NDArray[np.float32],
        lexical: Sequence[int],
        *,
        limit: int,
        by_pieces: bool = True,
        is_giant: bool = False,
    ) -> list[TurnCandidate]:
        """Return the turns nearest to a vector by cosine, and the turns that the search by words found.

        The search is exact, except in a giant scope.

        Args:
            scope: The scope to search.
            embedding: Shape (dimensions,) float32.
            lexical: Positions of the turns that the search by words found.
            limit: How many of the nearest turns to return.
            by_pieces: Whether a long message counts by its best piece; otherwise by its beginning.
            is_giant: Whether to search approximately, with the scope's own index.

        Returns:
            The candidates in no particular order.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            positions = list(lexical)
            if is_giant:
                near = await nearest_approximately(
                    connection, scope, embedding, limit=limit, ef_search=self._ann_ef_search
                )
                positions += [turn.position for turn in near]
            rows = await connection.fetch(
                RecallQueries.candidates,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                HalfVector(embedding),
                positions,
                0 if is_giant else limit,
                by_pieces,
                limit,
            )
        return [_candidate(row) for row in rows]

    async def neighbours(self, scope: Scope, positions: Sequence[int]) -> dict[int, Beside]:
        """Return the turns directly before and after each of some turns, by position.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            rows = await connection.fetch(
                RecallQueries.neighbours, scope.tenant_id, scope.agent_id, scope.user_id, positions
            )
        sides: dict[int, dict[str, NeighbourTurn]] = {position: {} for position in positions}
        for row in rows:
            sides[row["of_position"]][row["side"]] = NeighbourTurn(
                row["event_id"], row["role"], row["content"], row["speaker"], row["session_id"]
            )
        return {position: Beside(found.get("before"), found.get("after")) for position, found in sides.items()}


def _candidate(row: asyncpg.Record) -> TurnCandidate:
    cosine, span = float(row["cosine"]), None
    if row["piece_cosine"] is not None:
        if row["piece_cosine"] > cosine:
            cosine, span = float(row["piece_cosine"]), (row["starts_at"], row["ends_at"])
        else:
            span = (0, row["second_starts_at"])
    return TurnCandidate(
        id=row["id"],
        event_id=row["event_id"],
        position=row["position"],
        role=row["role"],
        content=row["content"],
        speaker=row["speaker"],
        session_id=row["session_id"],
        created_at=row["created_at"],
        occurred_at=row["occurred_at"],
        cosine=cosine,
        span=span,
    )
