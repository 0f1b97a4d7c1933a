"""One run of a replay: chunk after chunk through the gateway, until the file ends or somebody stops it."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from eunoe_consumers.cli.replay_checkpoint import Progress, ReplayPosition
from eunoe_consumers.cli.replay_source import Chunk, Line, Mapped, read_chunks
from eunoe_producers import Gateway, TenantRegistryMissing, UnknownTenant
from eunoe_schema.errors import EunoeError
from eunoe_schema.receipts import Receipt

# What one call of the publish script takes: a stop is never far, and the checkpoint never far behind.
_CHUNK_LINES = 100
_REPORT_SECONDS = 1.0
# A chunk that only waits for a full backlog is given up after this; publishing it again adds nothing twice.
_GRACE_SECONDS = 2.0


@dataclass(frozen=True)
class RefusedLine:
    """A line that did not become an event."""

    number: int
    reason: str


@dataclass
class RefusedLines:
    """The refused lines: the first few to show, all of them in a file where one is wanted.

    Attributes:
        file: Where to append {line, reason, text} as JSON lines.
        shown: How many to keep.
        first: The first ones of this run.
    """

    file: Path | None
    shown: int
    first: list[RefusedLine] = field(default_factory=list[RefusedLine])
    _open: IO[str] | None = None

    def add(self, line: Line, reason: str) -> None:
        """Take note of a refused line."""
        if len(self.first) < self.shown:
            self.first.append(RefusedLine(line.number, reason))
        if self._open is not None:
            row = {"line": line.number, "reason": reason, "text": line.text.decode("utf-8", "backslashreplace").strip()}
            self._open.write(json.dumps(row, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Let the file hold what was added, before a checkpoint says that those lines are done."""
        if self._open is not None:
            self._open.flush()

    def begin(self, *, fresh: bool) -> Self:
        """Open the file; a replay that goes on appends to it."""
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
        gateway: Where to.
        file: The JSON-lines file.
        mapped: What its lines become.
        checkpoint: Written after every chunk.
        refused: Told of every refused line.
        report: Told of the progress after every chunk, and whether the backlog is full.
        progress: What is done, from where it begins.
    """

    gateway: Gateway
    file: Path
    mapped: Mapped
    checkpoint: ReplayPosition
    refused: RefusedLines
    report: Callable[[Progress, bool], None]
    progress: Progress

    async def run(self, stop: asyncio.Event) -> bool:
        """Publish until the file ends; False where it was stopped before.

        Raises:
            TenantRegistryMissing: If Redis knows no tenant at all: every line would be refused.
            UnknownTenant: If the one tenant of all lines is not registered.
            RedisUnavailable: If Redis stayed away.
        """
        begins = self.progress
        chunks = read_chunks(self.file, start_bytes=begins.end_bytes, start_line=begins.lines, size=_CHUNK_LINES)
        for chunk in chunks:
            if stop.is_set() or not await self._take(chunk, stop):
                return False
        self.checkpoint.remove()
        return True

    async def _take(self, chunk: Chunk, stop: asyncio.Event) -> bool:
        """Publish a chunk and take note of it; False where it was given up."""
        events: dict[Line, Mapping[str, object]] = {}
        reasons: dict[Line, str] = {}
        for line in chunk.lines:
            try:
                events[line] = self.mapped.fields(line.text)
            except (ValueError, RecursionError) as error:
                reasons[line] = f"not decodable: {error}"
        outcomes = await self._publish(list(events.values()), stop)
        if outcomes is None:
            return False
        for line, outcome in zip(events, outcomes, strict=True):
            if isinstance(outcome, EunoeError):
                self._raise_lasting(outcome)
                reasons[line] = str(outcome)
        receipts = [outcome for outcome in outcomes if isinstance(outcome, Receipt)]
        duplicates = sum(receipt.duplicate for receipt in receipts)
        done = self.progress
        self.progress = Progress(
            lines=chunk.last_number,
            end_bytes=chunk.end_bytes,
            published=done.published + len(receipts) - duplicates,
            duplicates=done.duplicates + duplicates,
            refused=done.refused + len(reasons),
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
        """Publish, waiting while the backlog is full; None where a stop came meanwhile."""
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

    def _raise_lasting(self, error: EunoeError) -> None:
        """Raise what every further line would meet as well."""
        if isinstance(error, TenantRegistryMissing) or (
            isinstance(error, UnknownTenant) and "tenant_id" in self.mapped.constants
        ):
            raise error
