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
from eunoe_consumers.postgres.outline import Outline
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.events import MessageRole
from eunoe_schema.scope import Scope

# Further terms do not improve a query of thousands of words.
QUERY_TERMS = 64
# The search by words covers the newest turns of a giant scope.
OUTLINE_TURNS = 50_000
# The search looks at the newest occurrences of a term. A more frequent term says little, and would take a second.
TERM_TURNS = 10_000
# To tell a name from a word, a few dozen messages are enough.
_NAME_TURNS, _NAME_USES = 500, 40
# The search in a long period looks at its newest turns.
PERIOD_TURNS = 5_000

Spans: TypeAlias = Sequence[tuple[datetime, datetime]]


class RecallQueries(QueryFile, file="recall"):
    """The statements of recall.sql."""

    scope_facts: str
    name_uses: str
    outline: str
    candidates: str
    turns_of_period: str
    distinct_nearest: str
    neighbours: str


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
        thread_id: Its thread, if any.
        channel: Its channel, if any.
        metadata: Its metadata as JSON; None if it has none. Only the selected turns are parsed.
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
    thread_id: str | None = None
    channel: str | None = None
    metadata: str | None = None


@dataclass(frozen=True)
class NeighbourTurn:
    """The turn before or after another one in its session."""

    event_id: str
    role: MessageRole
    content: str
    speaker: str | None


@dataclass(frozen=True)
class Beside:
    """The turns directly before and after a turn; None at the ends of its session."""

    before: NeighbourTurn | None
    after: NeighbourTurn | None


@dataclass(frozen=True)
class ScopeFacts:
    """Facts of a scope that a search needs before it starts.

    Attributes:
        users: The display names of its users.
        assistants: The display names of its assistants, without those of users.
        is_giant: Whether the scope has its own index, and is searched approximately.
        speaker_count: The number of names and roles. There may be more than the 200 that `users` and `assistants` hold.
    """

    users: frozenset[str]
    assistants: frozenset[str]
    is_giant: bool
    speaker_count: int


@dataclass(frozen=True)
class NameUse:
    """A message that contains a name, as that or as another word.

    Attributes:
        content: The first 400 characters.
        speaker: The display name of its writer, if known.
    """

    content: str
    speaker: str | None


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
        users = frozenset(row["users"])
        return ScopeFacts(users, frozenset(row["assistants"]) - users, row["is_giant"], row["speaker_count"])

    async def name_uses(self, scope: Scope, word: str) -> list[NameUse]:
        """Return the newest messages of a scope that contain a word.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            rows = await connection.fetch(
                RecallQueries.name_uses,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                word,
                _NAME_TURNS,
                _NAME_USES,
            )
        return [NameUse(row["content"], row["speaker"]) for row in rows]

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
        return Outline.from_row(row)

    async def candidates(
        self,
        scope: Scope,
        embedding: NDArray[np.float32],
        lexical: Sequence[int],
        *,
        limit: int,
        spans: Spans = (),
        by_pieces: bool = True,
        is_giant: bool = False,
    ) -> list[TurnCandidate]:
        """Return the turns nearest to a vector by cosine, those that the search by words found, and those of a period.

        The search is exact, except in a giant scope.

        Args:
            scope: The scope to search.
            embedding: Shape (dimensions,) float32.
            lexical: Positions of the turns that the search by words found.
            limit: How many of the nearest turns to return, of the scope and of the period.
            spans: The spans that a period may mean, the likely one first.
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
            if spans:
                dated = await connection.fetch(
                    RecallQueries.turns_of_period,
                    scope.tenant_id,
                    scope.agent_id,
                    scope.user_id,
                    HalfVector(embedding),
                    [start for start, _ in spans],
                    [end for _, end in spans],
                    PERIOD_TURNS,
                    limit,
                )
                positions += [row["position"] for row in dated]
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

    async def distinct_nearest(self, scope: Scope, embedding: NDArray[np.float32], *, limit: int) -> list[int]:
        """Return the positions of the turns nearest to a vector, of equal texts the newest and the oldest only.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            rows = await connection.fetch(
                RecallQueries.distinct_nearest,
                scope.tenant_id,
                scope.agent_id,
                scope.user_id,
                HalfVector(embedding),
                limit,
            )
        return [position for row in rows for position in (row["newest"], row["oldest"])]

    async def neighbours(self, scope: Scope, positions: Sequence[int]) -> dict[int, Beside]:
        """Return the turns directly before and after each of some turns in its session, by position.

        A session is in order of time: a message that arrives late stands where it was written.

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
                row["event_id"], row["role"], row["content"], row["speaker"]
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
        thread_id=row["thread_id"],
        channel=row["channel"],
        metadata=row["metadata"],
    )
