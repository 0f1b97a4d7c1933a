"""One run of a replay: publish chunk after chunk until the end of the file or a stop."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from eunoe_consumers.cli.replay_checkpoint import Progress, ReplayPosition
from eunoe_consumers.cli.replay_source import Chunk, FieldMapping, Line, read_chunks
from eunoe_producers import Gateway, TenantRegistryMissing, UnknownTenant
from eunoe_schema.errors import EunoeError
from eunoe_schema.events import Receipt

# One call of the publish script takes 100 events. Larger chunks would delay a stop and the checkpoint.
_CHUNK_LINES = 100
_REPORT_SECONDS = 1.0
# After a stop, a chunk that waits for a full backlog is given up. Publishing it again later adds nothing twice.
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class RefusedLine:
    """A line that was not published, and the reason."""

    number: int
    reason: str


@dataclass
class RefusedLines:
    """Collects refused lines: the first few in memory to be shown, all of them in a file if there is one.

    Attributes:
        file: The file for JSON lines of {line, reason, text}; None to write none.
        shown: How many lines to keep in memory.
        first: The first refused lines of this run.
    """

    file: Path | None
    shown: int
    first: list[RefusedLine] = field(default_factory=list[RefusedLine])
    _open: IO[str] | None = None

    def add(self, line: Line, reason: str) -> None:
        """Record a refused line."""
        if len(self.first) < self.shown:
            self.first.append(RefusedLine(line.number, reason))
        if self._open is not None:
            row = {"line": line.number, "reason": reason, "text": line.text.decode("utf-8", "backslashreplace").strip()}
            self._open.write(json.dumps(row, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Write buffered lines to the file. Call it before the checkpoint marks these lines as done."""
        if self._open is not None:
            self._open.flush()

    def begin(self, *, fresh: bool) -> Self:
        """Open the file: empty for a fresh replay, to append for one that continues."""
        if self.file is not None:
            self._open = self.file.open("w" if fresh else "a", encoding="utf-8")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()


@dataclass
class Replay:
    """Publishes a file through a gateway.

    Attributes:
        gateway: The gateway's client.
        file: The JSON-lines file.
        mapping: Converts a line into the fields of an event.
        checkpoint: Saved after every chunk.
        refused: Collects the refused lines.
        report: Called after every chunk with the progress, and with whether the backlog is full.
        progress: The lines done so far; the run starts after them.
    """

    gateway: Gateway
    file: Path
    mapping: FieldMapping
    checkpoint: ReplayPosition
    refused: RefusedLines
    report: Callable[[Progress, bool], None]
    progress: Progress

    async def run(self, stop: asyncio.Event) -> bool:
        """Publish to the end of the file; return False if `stop` was set before.

        Raises:
            TenantRegistryMissing: If Redis has no tenant registry, so that every line would be refused.
            UnknownTenant: If the tenant of all lines is not registered.
            RedisUnavailable: If Redis could not be reached.
        """
        begins = self.progress
        chunks = read_chunks(self.file, start_bytes=begins.end_bytes, start_line=begins.lines, size=_CHUNK_LINES)
        for chunk in chunks:
            if stop.is_set() or not await self._publish_chunk(chunk, stop):
                return False
        self.checkpoint.remove()
        return True

    async def _publish_chunk(self, chunk: Chunk, stop: asyncio.Event) -> bool:
        """Publish a chunk and record the progress; return False if it was given up."""
        events: dict[Line, Mapping[str, object]] = {}
        reasons: dict[Line, str] = {}
        for line in chunk.lines:
            try:
                events[line] = self.mapping.fields(line.text)
            except (ValueError, RecursionError) as error:
                reasons[line] = f"not decodable: {error}"
        outcomes = await self._publish(list(events.values()), stop)
        if outcomes is None:
            return False
        for line, outcome in zip(events, outcomes, strict=True):
            if isinstance(outcome, EunoeError):
                self._raise_if_all_fail(outcome)
                reasons[line] = str(outcome)
            elif outcome.conflict:
                reasons[line] = (
                    f"conflict: event_id {outcome.event_id!r} names another message of its scope, published as entry "
                    f"{outcome.entry_id}; give this line an id of its own"
                )
        receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
        duplicates = sum(receipt.duplicate for receipt in receipts)
        conflicts = sum(receipt.conflict for receipt in receipts)
        done = self.progress
        self.progress = Progress(
            lines=chunk.last_number,
            end_bytes=chunk.end_bytes,
            published=done.published + len(receipts) - duplicates - conflicts,
            duplicates=done.duplicates + duplicates,
            conflicts=done.conflicts + conflicts,
            refused=done.refused + len(reasons) - conflicts,
        )
        for line in sorted(reasons, key=lambda line: line.number):
            self.refused.add(line, reasons[line])
        self.refused.flush()
        self.checkpoint.save(self.progress)
        self.report(self.progress, False)  # noqa: FBT003 - a callback's arguments have no names
        return True

    async def _publish(
        self, events: Sequence[Mapping[str, object]], stop: asyncio.Event
    ) -> list[Receipt | EunoeError] | None:
        """Publish, waiting while the backlog is full; return None if a stop came first."""
        publishing = asyncio.create_task(self.gateway.publish_many(events, wait_when_full=True))
        try:
            while not stop.is_set():
                stopping = asyncio.create_task(stop.wait())
                done, _ = await asyncio.wait(
                    {publishing, stopping}, timeout=_REPORT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                stopping.cancel()
                if publishing in done:
                    return publishing.result()
                self.report(self.progress, True)  # noqa: FBT003 - a callback's arguments have no names
            await asyncio.wait({publishing}, timeout=_GRACE_SECONDS)
            return publishing.result() if publishing.done() else None
        finally:
            publishing.cancel()

    def _raise_if_all_fail(self, error: EunoeError) -> None:
        """Raise an error that every further line would get, too."""
        if isinstance(error, TenantRegistryMissing) or (
            isinstance(error, UnknownTenant) and "tenant_id" in self.mapping.constants
        ):
            raise error
