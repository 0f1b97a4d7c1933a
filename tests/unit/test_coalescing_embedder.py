"""The coalescing embedder: one model, many callers, and no text harms the callers of other texts."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from eunoe_consumers.embedding.blame import ModelUnavailable, Unembeddable
from eunoe_consumers.embedding.coalescing import CoalescingEmbedder


@dataclass
class HeldModel:
    """An embedder whose runs end when the test lets them end. It fails for one text, or for every text."""

    fails_for: str | None = None
    is_broken: bool = False
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_end: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    runs: list[list[str]] = field(default_factory=list[list[str]])
    canaries: int = 0
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
        """Return the number that each text spells. A text that is no number is the canary."""
        is_canary = not all(text.isdigit() for text in texts)
        if is_canary:
            self.canaries += 1
        else:
            self.runs.append(list(texts))
            self.begun.release()
            assert self.may_end.acquire(timeout=30)
        if self.is_broken or self.fails_for in texts:
            raise RuntimeError("onnxruntime: broken")
        return np.array([[0.0 if is_canary else float(text)] for text in texts], dtype=np.float32)

    async def run_begun(self) -> None:
        """Return when the next run has begun."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)

    def let_end(self, runs: int = 1) -> None:
        """Let the next runs end."""
        self.may_end.release(runs)


@pytest.fixture
async def model() -> AsyncIterator[HeldModel]:
    """A model whose runs are held until the test, or its end, releases them."""
    model = HeldModel()
    yield model
    model.let_end(100)


@pytest.fixture
def embedder(model: HeldModel) -> CoalescingEmbedder:
    """The embedder under test, with runs of at most 16 texts."""
    return CoalescingEmbedder(model, texts_per_run=16)


Asked = list[asyncio.Task[NDArray[np.float32]]]


async def ask(embedder: CoalescingEmbedder, *texts: str) -> Asked:
    """Start one task per text, and return once each of them waits for its embedding."""
    tasks = [asyncio.create_task(embedder.embed(text)) for text in texts]
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: Asked) -> list[float | BaseException]:
    """Return the number or the error that each task ended with."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [result if isinstance(result, BaseException) else float(result[0]) for result in results]


async def test_a_text_gets_its_embedding(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """A single text is one run and yields one vector of the model's width. The next text is another run."""
    model.let_end(2)
    vector = await embedder.embed("7")
    assert (vector.shape, vector.dtype, vector.tolist()) == ((1,), np.float32, [7])
    assert (await embedder.embed("8")).tolist() == [8]
    assert model.runs == [["7"], ["8"]]
    assert embedder.name == "held"


async def test_texts_that_arrive_during_a_run_share_the_next_run(
    embedder: CoalescingEmbedder, model: HeldModel
) -> None:
    """Callers that arrive while the model works share one run, and each caller gets its own vector."""
    first = await ask(embedder, "0")
    await model.run_begun()
    others = await ask(embedder, "3", "1", "2")
    model.let_end(2)
    assert await outcomes(first + others) == [0, 3, 1, 2]
    assert model.runs == [["0"], ["3", "1", "2"]]


async def test_callers_with_several_texts_share_runs_and_no_text_is_embedded_twice(
    embedder: CoalescingEmbedder, model: HeldModel
) -> None:
    """Requests that arrive together are embedded in one run; each text once, however many requests name it."""
    first = [asyncio.create_task(embedder.embed_all(texts)) for texts in (("1", "2", "1"), ("2", "3"))]
    await model.run_begun()
    later = [asyncio.create_task(embedder.embed_all((text,))) for text in ("4", "5")]
    await asyncio.sleep(0)
    model.let_end(2)
    found = await asyncio.gather(*first, *later)
    assert model.runs == [["1", "2", "3"], ["4", "5"]]
    assert [{text: float(vector[0]) for text, vector in embedded.items()} for embedded in found] == [
        {"1": 1, "2": 2},
        {"2": 2, "3": 3},
        {"4": 4},
        {"5": 5},
    ]


async def test_no_texts_need_no_run(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """A request without texts does not wait for the model."""
    assert await embedder.embed_all(()) == {}
    assert model.runs == []


async def test_a_run_takes_a_bounded_number_of_texts(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """A long queue is embedded in order, in runs of at most `texts_per_run`, so that no caller waits for all."""
    model.let_end(10)
    texts = [str(number) for number in range(40)]
    assert await outcomes(await ask(embedder, *texts)) == list(range(40))
    assert [len(run) for run in model.runs] == [16, 16, 8]
    assert [text for run in model.runs for text in run] == texts


async def test_a_text_that_the_model_fails_on_fails_alone(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """A failed run is repeated text by text. Only the guilty text gets an error, and the error does not quote it."""
    model.fails_for = "1"
    first = await ask(embedder, "0")
    await model.run_begun()
    together = await ask(embedder, "1", "2")
    model.let_end()
    await model.run_begun()
    later = await ask(embedder, "3")
    model.let_end(4)  # the run of two texts, then each alone, then the later text
    assert await outcomes([*first, together[1], *later]) == [0, 2, 3]
    (error,) = await outcomes(together[:1])
    assert isinstance(error, Unembeddable)
    assert str(error) == "the model cannot embed the text: RuntimeError"
    assert model.runs == [["0"], ["1", "2"], ["1"], ["2"], ["3"]]


async def test_a_request_fails_for_its_own_texts_only(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """Of three requests that share a run, only the request with the guilty text fails."""
    model.fails_for = "2"
    model.let_end(10)
    good, bad, also_good = await asyncio.gather(
        embedder.embed_all(("1",)), embedder.embed_all(("2", "3")), embedder.embed_all(("4",)), return_exceptions=True
    )
    assert isinstance(good, dict)
    assert isinstance(also_good, dict)
    assert isinstance(bad, Unembeddable)


async def test_a_broken_model_is_reported_as_unavailable(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """If the model fails for every text, all callers get a transient error after one run. Later calls try again."""
    model.is_broken = True
    model.let_end(10)
    failed = await outcomes(await ask(embedder, "1", "2"))
    assert all(isinstance(error, ModelUnavailable) for error in failed)
    assert (model.runs, model.canaries) == ([["1", "2"]], 1)
    with pytest.raises(ModelUnavailable):
        await embedder.embed_all(("3", "4"))
    model.is_broken = False
    assert await outcomes(await ask(embedder, "1")) == [1]


async def test_a_text_is_dropped_when_its_caller_gives_up(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """A text without a waiting caller is not embedded, and its neighbours get their own vectors."""
    first = await ask(embedder, "0")
    await model.run_begun()
    others = await ask(embedder, "1", "2", "3")
    request = asyncio.create_task(embedder.embed_all(("3", "4", "5")))
    await asyncio.sleep(0)
    for given_up in (others[1], request):
        given_up.cancel()
        await asyncio.wait([given_up])
    model.let_end(2)
    assert await outcomes([*first, others[0], others[2]]) == [0, 1, 3]
    assert model.runs == [["0"], ["1", "3"]]


@pytest.mark.parametrize("fails_for", [None, "2"])
async def test_a_caller_that_gives_up_during_the_run_harms_no_other(
    embedder: CoalescingEmbedder, model: HeldModel, fails_for: str | None
) -> None:
    """The run goes on for the other callers, whether it succeeds or fails."""
    model.fails_for = fails_for
    asked = await ask(embedder, "1", "2")
    await model.run_begun()
    asked[0].cancel()
    await asyncio.wait([asked[0]])
    model.let_end(2)
    outcome = (await outcomes(asked))[1]
    assert isinstance(outcome, Unembeddable) if fails_for else outcome == 2
    assert ["1"] not in model.runs
    model.let_end()
    assert await outcomes(await ask(embedder, "5")) == [5]


async def test_the_event_loop_is_free_during_a_run(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """Other work goes on while the model runs in its thread."""
    asked = await ask(embedder, "1")
    await model.run_begun()  # this line is reached during the run, so the event loop is free
    assert not asked[0].done()
    model.let_end()
    assert await outcomes(asked) == [1]


async def test_callers_with_the_same_text_share_one_embedding(embedder: CoalescingEmbedder, model: HeldModel) -> None:
    """Also during the run of that text. A caller that gives up takes nothing from the others; later calls run anew."""
    first, gives_up = await ask(embedder, "1", "1")
    await model.run_begun()
    (late,) = await ask(embedder, "1")
    gives_up.cancel()
    model.let_end()
    assert await outcomes([first, late]) == [1, 1]
    assert model.runs == [["1"]]
    again = await ask(embedder, "1")
    model.let_end()
    assert await outcomes(again) == [1]
    assert model.runs == [["1"], ["1"]]
