"""Write turns as the ingest role, and read the last turns of a scope as the recall role."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.entries import EntryOrder
from eunoe_schema.events import MessageEvent
from eunoe_schema.recall import WindowMessage
from eunoe_schema.scope import Scope


class TurnQueries(QueryFile, file="turns"):
    """The statements of turns.sql."""

    insert_agents: str
    insert_users: str
    insert_sessions: str
    insert_speakers: str
    insert_turns: str
    conflicts: str
    insert_pieces: str
    last_turns: str


@dataclass(frozen=True)
class NewPiece:
    """A part of a message that is short enough for the model, with its embedding.

    Attributes:
        starts_at: Offset of the first character in the content, in code points.
        ends_at: Offset after the last character.
        embedding: Shape (dimensions,) float32.
    """

    starts_at: int
    ends_at: int
    embedding: NDArray[np.float32]


@dataclass(frozen=True)
class NewTurn:
    """A message with its entry id and its embedding.

    Attributes:
        event: The message.
        order: The entry id.
        embedding: Shape (dimensions,) float32; the embedding of the first piece of a long message.
        pieces: The other pieces of a long message, in order.
    """

    event: MessageEvent
    order: EntryOrder
    embedding: NDArray[np.float32]
    pieces: Sequence[NewPiece] = ()


class TurnWriter:
    """Writes turns. A turn that is written again is skipped."""

    def __init__(self, database: Database, *, embedding_model: str) -> None:
        self._database = database
        self._embedding_model = embedding_model

    async def write(self, turns: Sequence[NewTurn]) -> int:
        """Write turns with their pieces, agents, users, sessions and terms in one transaction.

        Returns:
            The number of new turns.

        Raises:
            RowRefused: If one of them can never be stored. Then none is stored.
            StoreUnavailable: For every other error.
        """
        events = [turn.event for turn in turns]
        tenants = [event.tenant_id for event in events]
        agents = [event.agent_id for event in events]
        users = [event.user_id for event in events]
        sessions = [event.session_id for event in events]
        threads = [event.thread_id for event in events]
        channels = [event.channel for event in events]
        times = [turn.order.time for turn in turns]
        roles = [event.role for event in events]
        async with self._database.transaction(DatabaseRole.INGEST, batch_tenants=set(tenants)) as connection:
            await connection.execute(TurnQueries.insert_agents, tenants, agents)
            await connection.execute(TurnQueries.insert_users, tenants, users)
            await connection.execute(
                TurnQueries.insert_sessions, tenants, agents, users, sessions, threads, channels, times
            )
            speakers = [event.speaker for event in events]
            if any(speakers):
                await connection.execute(TurnQueries.insert_speakers, tenants, agents, users, speakers, roles)
            tag = await connection.execute(
                TurnQueries.insert_turns,
                tenants,
                [event.scope.turn_id(event.event_id) for event in events],
                agents,
                users,
                roles,
                [event.content for event in events],
                times,
                [turn.order.position for turn in turns],
                [event.event_id for event in events],
                sessions,
                threads,
                channels,
                speakers,
                [event.occurred_at for event in events],
                [json.dumps(event.metadata) for event in events],
                [self._embedding_model] * len(turns),
                [HalfVector(turn.embedding) for turn in turns],
            )
            # A turn that already exists may come from another entry. The position tells which pieces belong to it.
            pieces = [(turn, number, piece) for turn in turns for number, piece in enumerate(turn.pieces, start=1)]
            if pieces:
                await connection.execute(
                    TurnQueries.insert_pieces,
                    [turn.event.tenant_id for turn, _, _ in pieces],
                    [turn.event.agent_id for turn, _, _ in pieces],
                    [turn.event.user_id for turn, _, _ in pieces],
                    [turn.event.scope.turn_id(turn.event.event_id) for turn, _, _ in pieces],
                    [turn.order.position for turn, _, _ in pieces],
                    [number for _, number, _ in pieces],
                    [piece.starts_at for _, _, piece in pieces],
                    [piece.ends_at for _, _, piece in pieces],
                    [HalfVector(piece.embedding) for _, _, piece in pieces],
                )
        return int(tag.rsplit(" ", 1)[1])

    async def conflicts(self, events: Sequence[MessageEvent]) -> list[MessageEvent]:
        """Return the events whose id belongs to a turn that stores another message.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        found: list[MessageEvent] = []
        for tenant_id in {event.tenant_id for event in events}:
            own = [event for event in events if event.tenant_id == tenant_id]
            # Ingest may not read turns.
            async with self._database.transaction(DatabaseRole.RECALL, tenant=tenant_id) as connection:
                rows = await connection.fetch(
                    TurnQueries.conflicts,
                    tenant_id,
                    [event.scope.turn_id(event.event_id) for event in own],
                    [event.role for event in own],
                    [event.content for event in own],
                    [event.thread_id for event in own],
                    [event.channel for event in own],
                )
            found += [own[row["number"] - 1] for row in rows]
        return found


class TurnReader:
    """Reads the turns of a scope. The policy of the tenant and the scope in every predicate isolate it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def last(self, scope: Scope, count: int) -> list[WindowMessage]:
        """Return the last turns of a scope as window messages, the oldest first.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL, tenant=scope.tenant_id) as connection:
            rows = await connection.fetch(TurnQueries.last_turns, scope.tenant_id, scope.agent_id, scope.user_id, count)
        return [
            WindowMessage(
                role=row["role"],
                content=row["content"],
                id=str(EntryOrder.from_position(row["position"])),
                event_id=row["event_id"],
                at=row["occurred_at"] or row["created_at"],
                session_id=row["session_id"],
                speaker=row["speaker"],
                thread_id=row["thread_id"],
                channel=row["channel"],
                metadata=json.loads(row["metadata"] or "{}"),
            )
            for row in reversed(rows)
        ]
