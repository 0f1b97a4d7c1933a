"""The effect of `embed`: parts that are not too long, all of them, and whose fault it is when the model fails."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from eunoe_consumers.delivery.entry import Delivered, Entry
from eunoe_consumers.embed.effect import EmbedAndStore
from eunoe_consumers.errors import PermanentError, TransientError
from eunoe_consumers.model.blame import ModelUnavailable, Unembeddable
from eunoe_consumers.store.turns import NewTurn, TurnWriter
from eunoe_schema import MessageEvent
from eunoe_schema.entries import EntryOrder
from eunoe_tests.events import event_of, scope_of

ADA = scope_of(UUID("b0000000-0000-4000-8000-000000000001"))


@dataclass
class FakeModel:
    """An embedder that counts a token for each character and fails for what it is told to."""

    fails_for: str | None = None
    fails_always: bool = False
    runs: list[list[str]] = field(default_factory=list[list[str]])
    threads: set[str] = field(default_factory=set[str])
    name: str = "fake"
    dimensions: int = 2

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count characters."""
        return [len(text) for text in texts]

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


def effect_of(model: FakeModel, writer: FakeWriter | None = None, *, batch_tokens: int = 100) -> EmbedAndStore:
    """Return the effect between these stand-ins."""
    return EmbedAndStore(model, cast("TurnWriter", writer or FakeWriter()), batch_tokens=batch_tokens)


def batch_of(*texts: str) -> list[Delivered[MessageEvent]]:
    """Return a batch in stream order."""
    return [Delivered(Entry(f"1-{i}", {}), event_of(ADA, f"e{i}", text)) for i, text in enumerate(texts)]


@given(
    lengths=st.lists(st.integers(1, 12), max_size=40),
    batch_tokens=st.integers(1, 20),
)
@settings(deadline=None)
def test_parts_are_short_enough_and_nothing_is_lost(lengths: list[int], batch_tokens: int) -> None:
    """Together the parts are the batch, by tokens; only a text that is too long by itself exceeds the bound."""
    batch = batch_of(*("x" * length for length in lengths))
    parts = list(effect_of(FakeModel(), batch_tokens=batch_tokens).split(batch))
    by_tokens = sorted(batch, key=lambda delivered: len(delivered.event.content))  # stable: else in stream order
    assert [delivered.id for part in parts for delivered in part] == [delivered.id for delivered in by_tokens]
    tokens = [[len(delivered.event.content) for delivered in part] for part in parts]
    assert all(part and (sum(part) <= batch_tokens or len(part) == 1) for part in tokens)
    # As few as can be without changing the order: no part has room for what follows it.
    assert all(sum(part) + after[0] > batch_tokens for part, after in itertools.pairwise(tokens))


def test_a_batch_is_divided_at_the_bound() -> None:
    """A part may have exactly as many tokens as are allowed; a text that is longer alone stands alone."""
    batch = batch_of("x" * 6, "x" * 4, "x", "x" * 11, "x", "x" * 9)
    parts = list(effect_of(FakeModel(), batch_tokens=10).split(batch))
    assert [[delivered.id for delivered in part] for part in parts] == [
        ["1-2", "1-4", "1-1"],
        ["1-0"],
        ["1-5"],
        ["1-3"],
    ]


async def test_a_batch_is_embedded_and_written_at_once() -> None:
    """One run of the model and one transaction; each turn has its own event, place and vector."""
    model, writer = FakeModel(), FakeWriter()
    batch = batch_of("a", "bb", "ccc")
    assert await effect_of(model, writer)(batch) == {}
    assert model.runs == [["a", "bb", "ccc"]]
    (turns,) = writer.written
    assert [turn.event for turn in turns] == [delivered.event for delivered in batch]
    assert [turn.order for turn in turns] == [EntryOrder(1, 0), EntryOrder(1, 1), EntryOrder(1, 2)]
    assert [turn.embedding.tolist() for turn in turns] == [[1, 1], [2, 1], [3, 1]]


async def test_the_model_runs_off_the_event_loop() -> None:
    """The loop renews claims while the model works: every batch is embedded on one thread of its own."""
    model = FakeModel()
    effect = effect_of(model)
    await asyncio.gather(*(effect(batch_of(text)) for text in "abc"))
    (thread,) = model.threads
    assert thread != threading.current_thread().name


async def test_a_text_that_the_model_cannot_take_is_its_own_fault() -> None:
    """Where the model works for others, the batch holds poison; nothing of it is written, and the letter names why."""
    model, writer = FakeModel(fails_for="poison"), FakeWriter()
    with pytest.raises(
        Unembeddable, match="the model cannot embed it: RuntimeError: onnxruntime: shape mismatch"
    ) as it:
        await effect_of(model, writer)(batch_of("fine", "poison"))
    assert isinstance(it.value, PermanentError)
    assert isinstance(it.value.__cause__, RuntimeError)
    assert writer.written == []
    assert len(model.runs) == 2
    assert set(model.runs[1]).isdisjoint(model.runs[0])  # judged by a text that is not in the batch


async def test_a_model_that_fails_for_every_text_may_recover() -> None:
    """No message is buried for a broken model: the batch waits."""
    writer = FakeWriter()
    with pytest.raises(ModelUnavailable, match="the model fails for every text: onnxruntime: shape mismatch") as it:
        await effect_of(FakeModel(fails_always=True), writer)(batch_of("fine"))
    assert isinstance(it.value, TransientError)
    assert writer.written == []


@pytest.mark.parametrize("error", [TransientError("away"), PermanentError("too long for an index")])
async def test_what_the_store_says_is_passed_on(error: Exception) -> None:
    """The store's own judgement stands: it is not mistaken for the model's."""
    model = FakeModel()
    with pytest.raises(type(error), match=str(error)):
        await effect_of(model, FakeWriter(error))(batch_of("fine"))
    assert len(model.runs) == 1
