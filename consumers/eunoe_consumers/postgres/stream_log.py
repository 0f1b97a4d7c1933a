"""What is known of the streams outside of Redis: how far they were, and what was lost of them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.entries import EntryOrder


class StreamQueries(QueryFile, file="streams"):
    """The statements of streams.sql."""

    note_stream: str
    list_losses: str
    dismiss_losses: str


@dataclass(frozen=True)
class Observation:
    """A stream at one moment.

    Attributes:
        stream: Its name.
        incarnation: The mark beside it, which is lost with it.
        born_at: When the mark was made, or the stream's first entry, if that was before.
        observed_at: The moment, by the clock of Redis.
        newest: Its newest entry.
        durable: Every entry up to here is stored, or among the dead letters.
        torn: Between which moments entries are missing from it; None where nothing is.
    """

    stream: str
    incarnation: UUID
    born_at: datetime
    observed_at: datetime
    newest: EntryOrder
    durable: EntryOrder
    torn: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class Loss:
    """A span of time whose entries may be lost: Redis lost them before they were durable.

    Attributes:
        stream: The stream.
        noticed_at: When a consumer noticed.
        lost_after: What was published before is safe.
        lost_before: What was published later is safe.
    """

    stream: str
    noticed_at: datetime
    lost_after: datetime
    lost_before: datetime


@dataclass(frozen=True)
class Noted:
    """What became of an observation.

    Attributes:
        newest: The newest entry that was ever noted of the stream.
        lost: Between which moments entries were lost, as this observation shows; None for nothing new.
    """

    newest: EntryOrder
    lost: tuple[datetime, datetime] | None


class StreamLog:
    """Notes observations, and tells what was lost between two of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, seen: Observation) -> Noted:
        """Note how far a stream is, and what it has lost.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        torn_after, torn_before = seen.torn or (None, None)
        async with self._database.transaction(DatabaseRole.INGEST) as connection:
            row = await connection.fetchrow(
                StreamQueries.note_stream,
                seen.stream,
                seen.incarnation,
                seen.born_at,
                seen.observed_at,
                seen.newest.position,
                seen.durable.position,
                torn_after,
                torn_before,
            )
        if row is None:
            raise AssertionError  # the function returns one row
        lost = None if row["lost_after"] is None else (row["lost_after"], row["lost_before"])
        return Noted(EntryOrder.from_position(row["newest"]), lost)

    async def losses(self) -> list[Loss]:
        """Return what was lost, the newest first.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL) as connection:
            return [Loss(**row) for row in await connection.fetch(StreamQueries.list_losses)]

    async def dismiss(self, losses: list[Loss]) -> None:
        """Forget losses that were dealt with.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            await connection.execute(StreamQueries.dismiss_losses, max(loss.noticed_at for loss in losses))
