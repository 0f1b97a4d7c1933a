"""Texts of requests: embedded together, each once, and a bad one alone is refused."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from eunoe_consumers.embedding.blame import ModelUnavailable, Unembeddable
from eunoe_consumers.embedding.hash_embedder import RAISE_MARKER, HashEmbedder
from eunoe_consumers.memories.embedding import TextEmbedder


class Recording(HashEmbedder):
    """Notes what it was asked for; waits for its gate; fails for everything when it is broken."""

    def __init__(self) -> None:
        super().__init__(8)
        self.runs: list[list[str]] = []
        self.gate = threading.Event()
        self.started = threading.Event()
        self.broken = False

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed."""
        self.runs.append(list(texts))
        self.started.set()
        self.gate.wait(10)
        if self.broken:
            msg = "broken"
            raise RuntimeError(msg)
        return super().embed(texts)


@pytest.fixture
def model() -> Recording:
    """A model whose gate is open."""
    model = Recording()
    model.gate.set()
    return model


async def test_texts_that_come_together_are_embedded_together(model: Recording) -> None:
    """Those of the first moment in one run, those that come while the model is busy in the next; none twice."""
    model.gate.clear()
    embedder = TextEmbedder(model)
    first = [asyncio.create_task(embedder.embed(texts)) for texts in (("a", "b"), ("b", "c"))]
    await asyncio.to_thread(model.started.wait, 10)
    later = [asyncio.create_task(embedder.embed((text,))) for text in ("d", "e")]
    await asyncio.sleep(0)
    model.gate.set()
    found = await asyncio.gather(*first, *later)
    assert model.runs == [["a", "b", "c"], ["d", "e"]]
    assert [sorted(embedded) for embedded in found] == [["a", "b"], ["b", "c"], ["d"], ["e"]]
    assert np.array_equal(found[0]["b"].vector, HashEmbedder(8).embed(["b"])[0])
    assert found[0]["b"].model == "eunoe/hash"


async def test_nothing_to_embed_asks_no_model(model: Recording) -> None:
    """A request without texts does not wait for the model."""
    assert await TextEmbedder(model).embed(()) == {}
    assert model.runs == []


async def test_a_text_that_the_model_fails_on_harms_no_other(model: Recording) -> None:
    """Its own request learns of it; those embedded in the same run get their vectors."""
    embedder = TextEmbedder(model)
    good, bad, also_good = await asyncio.gather(
        embedder.embed(("good",)),
        embedder.embed((RAISE_MARKER, f"{RAISE_MARKER} twice")),
        embedder.embed(("also good",)),
        return_exceptions=True,
    )
    assert isinstance(good, dict)
    assert isinstance(also_good, dict)
    assert isinstance(bad, Unembeddable)


async def test_a_model_that_fails_for_every_text_is_told_from_a_bad_text(model: Recording) -> None:
    """Nothing is wrong with the requests: they wait for a model that works, which is then asked again."""
    embedder = TextEmbedder(model)
    model.broken = True
    with pytest.raises(ModelUnavailable):
        await embedder.embed(("good",))
    model.broken = False
    assert "good" in await embedder.embed(("good",))
