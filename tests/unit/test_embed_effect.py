"""The effect of the group `embed`: bounded parts, no losses, and the right error when the model fails."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.embedding.blame import ModelUnavailable, Unembeddable
from eunoe_consumers.embedding.pieces import Span
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.postgres.turns import NewTurn, TurnWriter
from eunoe_schema import MessageEvent
from eunoe_schema.entries import EntryOrder
from eunoe_tests.events import event_of, scope_of

ADA = scope_of(UUID("b0000000-0000-4000-8000-000000000001"))


@dataclass
class FakeModel:
    """An embedder with one token per character, a limit, and failures on request."""

    fails_for: str | None = None
    fails_always: bool = False
    limit_chars: int = 1_000
    runs: list[list[str]] = field(default_factory=list[list[str]])
    threads: set[str] = field(default_factory=set[str])
    name: str = "fake"
    dimensions: int = 2

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count characters."""
        return [len(text) for text in texts]

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count characters."""
        return [len(text) for text in texts]

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Cut at every `limit_chars`."""
        step = self.limit_chars
        return [[(at, min(at + step, len(text))) for at in range(0, len(text), step)] for text in texts]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the length of each text and a one."""
        self.runs.append(list(texts))
        self.threads.add(threading.current_thread().name)
        if self.fails_always or self.fails_for in texts:
            raise RuntimeError("onnxruntime: shape mismatch")
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


@dataclass
class FakeWriter:
    """Records what is written, or raises."""

    error: Exception | None = None
    written: list[list[NewTurn]] = field(default_factory=list[list[NewTurn]])

    async def write(self, turns: Sequence[NewTurn]) -> int:
        """Record a transaction."""
        if self.error is not None:
            raise self.error
        self.written.append(list(turns))
        return len(turns)


def effect_of(
    model: FakeModel, writer: FakeWriter | None = None, *, batch_tokens: int = 100, max_pieces: int = 64
) -> EmbedAndStore:
    """Return the effect with these test doubles."""
    writing = cast("TurnWriter", writer or FakeWriter())
    return EmbedAndStore(model, writing, batch_tokens=batch_tokens, max_pieces=max_pieces)


def batch_of(*texts: str) -> list[Delivered[MessageEvent]]:
    """Return a batch in stream order."""
    return [Delivered(Entry(f"1-{i}", {}), event_of(ADA, f"e{i}", text)) for i, text in enumerate(texts)]


@given(
    lengths=st.lists(st.integers(1, 12), max_size=40),
    batch_tokens=st.integers(1, 20),
)
def test_parts_are_short_enough_and_nothing_is_lost(lengths: list[int], batch_tokens: int) -> None:
    """The parts together are the batch, sorted by tokens. Only a single text may exceed the limit."""
    batch = batch_of(*("x" * length for length in lengths))
    parts = list(effect_of(FakeModel(), batch_tokens=batch_tokens).split(batch))
    by_tokens = sorted(
        batch, key=lambda delivered: len(delivered.event.content)
    )  # the sort is stable: equal texts stay in stream order
    assert [delivered.id for part in parts for delivered in part] == [delivered.id for delivered in by_tokens]
    tokens = [[len(delivered.event.content) for delivered in part] for part in parts]
    assert all(part and (sum(part) <= batch_tokens or len(part) == 1) for part in tokens)
    # There are no more parts than needed: no part has room for the first text of the next part.
    assert all(sum(part) + after[0] > batch_tokens for part, after in itertools.pairwise(tokens))


def test_a_batch_is_divided_at_the_limit() -> None:
    """A part may have exactly the allowed tokens. A longer text is a part of its own."""
    batch = batch_of("x" * 6, "x" * 4, "x", "x" * 11, "x", "x" * 9)
    parts = list(effect_of(FakeModel(), batch_tokens=10).split(batch))
    assert [[delivered.id for delivered in part] for part in parts] == [
        ["1-2", "1-4", "1-1"],
        ["1-0"],
        ["1-5"],
        ["1-3"],
    ]


def test_the_tokens_of_all_pieces_count() -> None:
    """A long message counts with all its embedded pieces. A message above the limit is a part of its own."""
    batch = batch_of("x" * 7, "x" * 3, "x" * 25, "x")
    parts = effect_of(FakeModel(limit_chars=3), batch_tokens=10, max_pieces=4).split(batch)
    assert [[delivered.id for delivered in part] for part in parts] == [["1-3", "1-1"], ["1-0"], ["1-2"]]
    parts = effect_of(FakeModel(limit_chars=3), batch_tokens=11, max_pieces=1).split(batch)
    assert [[delivered.id for delivered in part] for part in parts] == [["1-3", "1-0", "1-1", "1-2"]]


async def test_all_pieces_of_a_batch_are_embedded_in_one_run() -> None:
    """The turn has the vector of its first piece. Each further piece has its own vector and place."""
    model, writer = FakeModel(limit_chars=4), FakeWriter()
    await effect_of(model, writer)(batch_of("abcdefghij", "k", "lmnop"))
    assert model.runs == [["abcd", "efgh", "ij", "k", "lmno", "p"]]
    (turns,) = writer.written
    assert [turn.embedding.tolist() for turn in turns] == [[4, 1], [1, 1], [4, 1]]
    pieces = [[(piece.starts_at, piece.ends_at, piece.embedding.tolist()) for piece in turn.pieces] for turn in turns]
    assert pieces == [[(4, 8, [4, 1]), (8, 10, [2, 1])], [], [(4, 5, [1, 1])]]


async def test_pieces_above_the_maximum_are_not_embedded_and_logged() -> None:
    """The log names the entry and the setting, and quotes nothing of the message."""
    model, writer = FakeModel(limit_chars=2), FakeWriter()
    with structlog.testing.capture_logs() as logged:
        await effect_of(model, writer, max_pieces=3)(batch_of("secret", "secrets"))
    assert model.runs == [["se", "cr", "et", "se", "cr", "et"]]
    assert [turn.event.content for turn in writer.written[0]] == ["secret", "secrets"]
    (line,) = logged
    assert "EUNOE_EMBED_MAX_PIECES" in line["event"]
    assert {key: line[key] for key in ("entry_id", "pieces", "embedded_chars", "chars")} == {
        "entry_id": "1-1",
        "pieces": 3,
        "embedded_chars": 6,
        "chars": 7,
    }
    assert "secret" not in str(line)


async def test_a_text_that_cannot_be_cut_is_unembeddable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure before the model sees the text counts like a failure of the model."""
    model = FakeModel()

    def fail(_texts: Sequence[str]) -> list[list[Span]]:
        raise TypeError("no Unicode text")

    monkeypatch.setattr(model, "spans", fail)
    with pytest.raises(Unembeddable, match="TypeError: no Unicode text"):
        await effect_of(model)(batch_of("fine"))


async def test_a_batch_is_one_run_and_one_transaction() -> None:
    """Each turn has its own event, place and vector."""
    model, writer = FakeModel(), FakeWriter()
    batch = batch_of("a", "bb", "ccc")
    assert await effect_of(model, writer)(batch) == {}
    assert model.runs == [["a", "bb", "ccc"]]
    (turns,) = writer.written
    assert [turn.event for turn in turns] == [delivered.event for delivered in batch]
    assert [turn.order for turn in turns] == [EntryOrder(1, 0), EntryOrder(1, 1), EntryOrder(1, 2)]
    assert [turn.embedding.tolist() for turn in turns] == [[1, 1], [2, 1], [3, 1]]


async def test_the_model_runs_off_the_event_loop() -> None:
    """The loop sends heartbeats while the model works, so every batch is embedded on one separate thread."""
    model = FakeModel()
    effect = effect_of(model)
    await asyncio.gather(*(effect(batch_of(text)) for text in "abc"))
    (thread,) = model.threads
    assert thread != threading.current_thread().name


async def test_a_text_that_the_model_fails_on_is_unembeddable() -> None:
    """The model works for other texts, so the batch holds poison. Nothing is written, and the error says why."""
    model, writer = FakeModel(fails_for="poison"), FakeWriter()
    with pytest.raises(
        Unembeddable, match="the model cannot embed the text: RuntimeError: onnxruntime: shape mismatch"
    ) as it:
        await effect_of(model, writer)(batch_of("fine", "poison"))
    assert isinstance(it.value, PermanentError)
    assert isinstance(it.value.__cause__, RuntimeError)
    assert writer.written == []
    assert len(model.runs) == 2
    assert set(model.runs[1]).isdisjoint(model.runs[0])  # the check embeds a text that is not in the batch


async def test_a_model_that_fails_for_every_text_is_unavailable() -> None:
    """No message is dead-lettered because of a broken model: the error is transient."""
    writer = FakeWriter()
    with pytest.raises(ModelUnavailable, match="the model fails for every text: onnxruntime: shape mismatch") as it:
        await effect_of(FakeModel(fails_always=True), writer)(batch_of("fine"))
    assert isinstance(it.value, TransientError)
    assert writer.written == []


@pytest.mark.parametrize("error", [TransientError("away"), PermanentError("too long for an index")])
async def test_errors_of_the_store_are_passed_on(error: Exception) -> None:
    """An error of PostgreSQL is not mistaken for a failure of the model."""
    model = FakeModel()
    with pytest.raises(type(error), match=str(error)):
        await effect_of(model, FakeWriter(error))(batch_of("fine"))
    assert len(model.runs) == 1
