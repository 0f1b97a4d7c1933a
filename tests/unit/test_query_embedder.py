"""The query embedder: one model, many who wait, and nobody harmed by another's fate."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from eunoe_consumers.recall.query_embedder import QueryEmbedder, QueryNotEmbedded


@dataclass
class HeldModel:
    """An embedder whose runs end when they are allowed to; it fails for what it is told to."""

    fails_for: str | None = None
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    runs: list[list[str]] = field(default_factory=list[list[str]])
    name: str = "held"
    dimensions: int = 1

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count characters."""
        return [len(text) for text in texts]

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count characters."""
        return [len(text) for text in texts]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Leave every text whole."""
        return [[(0, len(text))] for text in texts]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return each text's number."""
        self.runs.append(list(texts))
        self.begun.release()
        assert self.may_end.acquire(timeout=30)
        if self.fails_for in texts:
            raise RuntimeError("onnxruntime: broken")
        return np.array([[float(text)] for text in texts], dtype=np.float32)

    async def run_begun(self) -> None:
        """Return when the next run has begun."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)

    def let_end(self, runs: int = 1) -> None:
        """Let so many runs end."""
        self.may_end.release(runs)


@pytest.fixture
async def model() -> AsyncIterator[HeldModel]:
    """A model that holds its runs until told otherwise, and none beyond the test."""
    model = HeldModel()
    yield model
    model.let_end(100)


Asked = list[asyncio.Task[NDArray[np.float32]]]


async def ask(embedder: QueryEmbedder, *queries: str) -> Asked:
    """Ask for queries, each by a task of its own, and let all of them begin to wait."""
    tasks = [asyncio.create_task(embedder.embed(query)) for query in queries]
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: Asked) -> list[float | BaseException]:
    """Return what became of the queries: their number, or the error."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [result if isinstance(result, BaseException) else float(result[0]) for result in results]


async def test_a_query_gets_its_embedding(model: HeldModel) -> None:
    """One query is one run, one vector of the model's width; the next one is another run."""
    embedder = QueryEmbedder(model)
    model.let_end(2)
    vector = await embedder.embed("7")
    assert (vector.shape, vector.dtype, vector.tolist()) == ((1,), np.float32, [7])
    assert (await embedder.embed("8")).tolist() == [8]
    assert model.runs == [["7"], ["8"]]


async def test_queries_that_meet_a_busy_model_are_embedded_together(model: HeldModel) -> None:
    """Whoever comes while the model works shares the next run, and each gets the own vector."""
    embedder = QueryEmbedder(model)
    first = await ask(embedder, "0")
    await model.run_begun()
    others = await ask(embedder, "3", "1", "2")
    model.let_end(2)
    assert await outcomes(first + others) == [0, 3, 1, 2]
    assert model.runs == [["0"], ["3", "1", "2"]]


async def test_a_crowd_is_embedded_in_runs_of_sixteen(model: HeldModel) -> None:
    """A run is bounded, so that nobody waits for a hundred others; all are answered, in their order."""
    embedder = QueryEmbedder(model)
    model.let_end(10)
    queries = [str(number) for number in range(40)]
    assert await outcomes(await ask(embedder, *queries)) == list(range(40))
    assert [len(run) for run in model.runs] == [16, 16, 8]
    assert [query for run in model.runs for query in run] == queries


async def test_a_query_that_the_model_fails_on_costs_nobody_else_an_answer(model: HeldModel) -> None:
    """A run that fails is done again query by query: only the guilty one gets an error, which repeats no word of it."""
    embedder = QueryEmbedder(model)
    model.fails_for = "1"
    first = await ask(embedder, "0")
    await model.run_begun()
    together = await ask(embedder, "1", "2")
    model.let_end()
    await model.run_begun()
    later = await ask(embedder, "3")
    model.let_end(4)  # the run of two, both alone, and the later one
    assert await outcomes([*first, together[1], *later]) == [0, 2, 3]
    (error,) = await outcomes(together[:1])
    assert isinstance(error, QueryNotEmbedded)
    assert str(error) == "the model cannot embed the query: RuntimeError"
    assert model.runs == [["0"], ["1", "2"], ["1"], ["2"], ["3"]]


async def test_who_gives_up_is_not_embedded_and_harms_nobody(model: HeldModel) -> None:
    """A query whose deadline passes before its run costs nothing; its neighbours get their own vectors."""
    embedder = QueryEmbedder(model)
    first = await ask(embedder, "0")
    await model.run_begun()
    others = await ask(embedder, "1", "2", "3")
    others[1].cancel()
    await asyncio.wait([others[1]])
    model.let_end(2)
    assert await outcomes([*first, others[0], others[2]]) == [0, 1, 3]
    assert model.runs == [["0"], ["1", "3"]]


@pytest.mark.parametrize("fails_for", [None, "2"])
async def test_who_gives_up_during_the_run_harms_nobody(model: HeldModel, fails_for: str | None) -> None:
    """The run that a cancelled query is in goes on for the others, whether it succeeds or fails."""
    model.fails_for = fails_for
    embedder = QueryEmbedder(model)
    asked = await ask(embedder, "1", "2")
    await model.run_begun()
    asked[0].cancel()
    await asyncio.wait([asked[0]])
    model.let_end(2)
    outcome = (await outcomes(asked))[1]
    assert isinstance(outcome, QueryNotEmbedded) if fails_for else outcome == 2
    assert ["1"] not in model.runs
    model.let_end()
    assert await outcomes(await ask(embedder, "5")) == [5]


async def test_the_loop_is_free_while_the_model_works(model: HeldModel) -> None:
    """A request that needs no model is answered while another's query is embedded."""
    embedder = QueryEmbedder(model)
    asked = await ask(embedder, "1")
    await model.run_begun()  # reached with the run still held: the loop goes on
    assert not asked[0].done()
    model.let_end()
    assert await outcomes(asked) == [1]


async def test_the_same_query_is_embedded_once_for_all_who_ask_at_the_same_time(model: HeldModel) -> None:
    """Also while the model is busy with it; who gives up takes nothing from the others, and later it is asked anew."""
    embedder = QueryEmbedder(model)
    first, gives_up = asyncio.create_task(embedder.embed("1")), asyncio.create_task(embedder.embed("1"))
    await model.run_begun()
    late = asyncio.create_task(embedder.embed("1"))
    await asyncio.sleep(0)
    gives_up.cancel()
    model.let_end()
    assert [float(vector[0]) for vector in await asyncio.gather(first, late)] == [1.0, 1.0]
    assert model.runs == [["1"]]
    again = asyncio.create_task(embedder.embed("1"))
    model.let_end()
    await again
    assert model.runs == [["1"], ["1"]]
