"""Record the state of the streams in PostgreSQL: the newest and the durable entry of each, and losses of Redis."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eunoe_consumers.postgres.database import Database, DatabaseRole
from eunoe_consumers.postgres.queries import QueryFile
from eunoe_schema.entries import EntryOrder


class StreamQueries(QueryFile, file="streams"):
    """The statements of streams.sql."""

    record_stream: str
    list_losses: str
    dismiss_losses: str


@dataclass(frozen=True)
class Observation:
    """The state of a stream at one moment.

    Attributes:
        stream: The stream.
        incarnation: A mark that is stored beside the stream. It is lost together with the stream.
        born_at: When the mark was created, or the stream's first entry if that is older.
        observed_at: The moment, by the clock of Redis.
        newest: The newest entry.
        durable: Every entry up to this one is stored or dead-lettered.
        gap: Two moments between which entries are missing; None if none are.
    """

    stream: str
    incarnation: UUID
    born_at: datetime
    observed_at: datetime
    newest: EntryOrder
    durable: EntryOrder
    gap: tuple[datetime, datetime] | None = None


@dataclass(frozen=True)
class Loss:
    """A time span in which entries may be lost: Redis lost its data before they were durable.

    Attributes:
        stream: The stream.
        noticed_at: When a consumer noticed the loss.
        lost_after: Entries published before this moment are safe.
        lost_before: Entries published after this moment are safe.
    """

    stream: str
    noticed_at: datetime
    lost_after: datetime
    lost_before: datetime


@dataclass(frozen=True)
class Recorded:
    """The result of recording an observation.

    Attributes:
        newest: The newest entry that was ever recorded of the stream.
        lost: Two moments between which entries were lost, if this observation is the first to show it; else None.
    """

    newest: EntryOrder
    lost: tuple[datetime, datetime] | None


class StreamLog:
    """The recorded observations and losses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, seen: Observation) -> Recorded:
        """Record an observation, and the loss that it shows, if any.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        gap_after, gap_before = seen.gap or (None, None)
        async with self._database.transaction(DatabaseRole.INGEST) as connection:
            row = await connection.fetchrow(
                StreamQueries.record_stream,
                seen.stream,
                seen.incarnation,
                seen.born_at,
                seen.observed_at,
                seen.newest.position,
                seen.durable.position,
                gap_after,
                gap_before,
            )
        if row is None:
            raise AssertionError  # the function returns one row
        lost = None if row["lost_after"] is None else (row["lost_after"], row["lost_before"])
        return Recorded(EntryOrder.from_position(row["newest"]), lost)

    async def losses(self) -> list[Loss]:
        """Return all losses, the newest first.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.RECALL) as connection:
            return [Loss(**row) for row in await connection.fetch(StreamQueries.list_losses)]

    async def dismiss(self, losses: list[Loss]) -> None:
        """Delete losses that the operator has dealt with.

        Raises:
            StoreUnavailable: If PostgreSQL failed.
        """
        async with self._database.transaction(DatabaseRole.OWNER) as connection:
            await connection.execute(StreamQueries.dismiss_losses, max(loss.noticed_at for loss in losses))
