"""The candidates of a recall: what the lexical and the semantic side of a scope's search find."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.approximate_search import ApproximateSearch
from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.events import MessageRole
from eunoe_schema.scope import Scope

# A message of thousands of words is no better a query for all of them.
QUERY_TERMS = 64
# The lexical side of a giant scope looks at its newest turns.
OUTLINE_TURNS = 50_000
# Of a term that more turns have, the newest of them: it tells little, and a flood of them must not take a second.
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
    """The lexical side of a scope: its turns in stream order, and where the terms of a query occur.

    Attributes:
        positions: Of the turns, shape (n,) int64, rising.
        session_numbers: Which session a turn is in, shape (n,) int64, 0..; turns without a session share one.
        lengths: Terms of each turn, shape (n,) int64.
        term_count: Terms of the query that occur at all.
        term_numbers: Of each occurrence, which term; shape (m,) int64, 0..term_count - 1.
        term_places: Of each occurrence, which turn; shape (m,) int64, 0..n - 1.
        term_tf: Of each occurrence, how often the term occurs in the turn; shape (m,) int64.
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
        """Build an outline.

        Args:
            turns: Positions, rising, session hashes and lengths.
            occurrences: Term numbers, positions and tf; those of turns that are not in `turns` are left out.
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
    """Return the numbers of a one-dimensional array without NULL in PostgreSQL's binary format (array_send).

    Its head has 12 bytes (dimensions, flags, element type), and 8 more (length, lower bound) where it is not empty;
    each element is its length and its value, big-endian.
    """
    if len(sent) <= _EMPTY_ARRAY_BYTES:
        return np.zeros(0, dtype=np.int64)
    elements = np.frombuffer(sent, dtype=[("length", ">i4"), ("value", kind)], offset=_ARRAY_HEAD_BYTES)
    return elements["value"].astype(np.int64)


@dataclass(frozen=True)
class TurnCandidate:
    """A turn that may answer.

    Attributes:
        id: The turn's.
        event_id: The event's own.
        position: Its place on the stream.
        role: Who wrote it.
        content: The whole text.
        speaker: A display name.
        session_id: Its session.
        created_at: When it was appended to the stream.
        occurred_at: When it was written, where the gateway said so.
        cosine: Of its best piece, -1..1.
        span: The characters of that piece, where the message is longer than one.
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
    """A turn beside another one, in whatever session."""

    event_id: str
    role: MessageRole
    content: str
    speaker: str | None
    session_id: str | None


@dataclass(frozen=True)
class Beside:
    """The turns right before and after one; None at the ends of the scope."""

    before: NeighbourTurn | None
    after: NeighbourTurn | None


@dataclass(frozen=True)
class ScopeFacts:
    """What a search has to know of a scope beforehand.

    Attributes:
        speakers: Who speaks there; 200 at most.
        is_giant: Whether it has an index of its own for approximate search.
    """

    speakers: frozenset[str]
    is_giant: bool


class CandidateReader:
    """Searches one scope, under the policy of its tenant and with the scope in every predicate."""

    def __init__(self, database: Database, *, ann_ef_search: int = 100) -> None:
        self._database = database
        self._approximate = ApproximateSearch(ef_search=ann_ef_search)

    async def facts(self, scope: Scope) -> ScopeFacts:
        """Return what a search has to know of a scope beforehand.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            row = await connection.fetchrow(RecallQueries.scope_facts, scope.tenant_id, scope.agent_id, scope.user_id)
        if row is None:
            raise AssertionError  # a SELECT without FROM has one row
        return ScopeFacts(frozenset(row["speakers"]), row["is_giant"])

    async def outline(self, scope: Scope, query: str) -> Outline:
        """Return the lexical side of a scope for a query, stemmed in the tenant's language.

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
            raise AssertionError  # an aggregate has one row
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
        """Return the turns nearest to a vector by cosine, and those that the lexical side found.

        Exact, but for a giant scope.

        Args:
            scope: Whose turns.
            embedding: Shape (dimensions,) float32.
            lexical: Positions that the lexical side named.
            limit: How many of the nearest.
            by_pieces: Whether a long message counts by its best piece; else by its beginning.
            is_giant: Whether to search approximately, by the scope's own index.

        Returns:
            Candidates in any order.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            named = list(lexical)
            if is_giant:
                near = await self._approximate.nearest(connection, scope, embedding, limit=limit)
                named += [turn.position for turn in near]
            rows = await connection.fetch(
                RecallQueries.candidates,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                HalfVector(embedding),
                named,
                0 if is_giant else limit,
                by_pieces,
                limit,
            )
        return [_candidate(row) for row in rows]

    async def neighbours(self, scope: Scope, positions: Sequence[int]) -> dict[int, Beside]:
        """Return what stands right before and after turns in their scope, by the turns' positions.

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
