"""The test double of the embedder: deterministic, failing on request, and refused in production."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from eunoe_consumers.embedding.embedder import Embedder
from eunoe_consumers.embedding.hash_embedder import EXIT_MARKER, RAISE_MARKER, HashEmbedder
from eunoe_consumers.embedding.load import load_embedder
from eunoe_consumers.errors import ConfigurationError
from eunoe_consumers.settings import Settings

WIDTH = 64


@pytest.fixture
def embedder() -> Embedder:
    """The test double as an `Embedder`."""
    return HashEmbedder(WIDTH)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove all settings of the environment."""
    for name in [name for name in os.environ if name.upper().startswith("EUNOE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_vectors_are_the_same_in_every_process() -> None:
    """The queries of one process must find the rows of another, so a text has the same numbers everywhere."""
    vectors = HashEmbedder(4).embed(["The river, the river"])
    np.testing.assert_allclose(vectors, [[0.27914768, 0.81871724, 0.10565509, -0.49052596]], rtol=0, atol=1e-5)


def test_a_batch_is_unit_rows_in_the_order_of_its_texts(embedder: Embedder) -> None:
    """Row i is text i, equal to the vector of the text alone. A text without words has a direction, too."""
    texts = ["The river ran on.", "", "met the sea", "\U0001f600" * 1_000, " ", "The river ran on."]
    vectors = embedder.embed(texts)
    assert (vectors.shape, vectors.dtype) == ((len(texts), WIDTH), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors, np.concatenate([embedder.embed([text]) for text in texts]))


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    """An empty batch is an array that can be stacked with others."""
    assert embedder.embed([]).shape == (0, WIDTH)
    assert embedder.count_tokens([]) == []


def test_texts_that_share_words_are_near(embedder: Embedder) -> None:
    """Case, order and punctuation do not matter, so a recall finds the text that shares the query's words."""
    same, near, far = embedder.embed(["my CAT, Minka!", "Minka is my cat", "weather in Lisbon"])
    (query,) = embedder.embed(["Minka my cat"])
    assert query @ same == pytest.approx(1, abs=1e-6)
    assert query @ same > query @ near > query @ far


def test_tokens_grow_with_the_words(embedder: Embedder) -> None:
    """Batches are divided by tokens, so a longer text counts more."""
    assert embedder.count_tokens(["hello world", "", "hello " * 100]) == [4, 2, 102]


def test_threads_share_an_embedder(embedder: Embedder) -> None:
    """Concurrent calls from several threads give the same vectors as calls one after another."""
    texts = [f"message number {number}" for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(embedder.embed, [texts] * 4):
            np.testing.assert_array_equal(vectors, embedder.embed(texts))


def test_the_raise_marker_raises(embedder: Embedder) -> None:
    """A text with the marker stands for a text that a model cannot embed: its batch fails, other batches do not."""
    with pytest.raises(ValueError, match="the text holds"):
        embedder.embed(["fine", f"before {RAISE_MARKER} after"])
    assert embedder.embed(["fine"]).shape == (1, WIDTH)
    assert embedder.count_tokens([RAISE_MARKER]) > [0]


def test_the_exit_marker_ends_the_process() -> None:
    """The marker stands for a text that kills its consumer: no handler runs, and the exit code is that of a kill."""
    program = (
        "from eunoe_consumers.embedding.hash_embedder import EXIT_MARKER, HashEmbedder\n"
        "try:\n"
        "    HashEmbedder(4).embed(['fine', EXIT_MARKER])\n"
        "finally:\n"
        "    print('a handler ran')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (137, b"", b"")


def test_words_about_the_markers_are_harmless(embedder: Embedder) -> None:
    """Only the exact markers have an effect."""
    texts = [EXIT_MARKER[:-1], RAISE_MARKER[1:], EXIT_MARKER.upper(), RAISE_MARKER.replace(" ", "")]
    assert embedder.embed(texts).shape == (len(texts), WIDTH)


def test_production_refuses_the_test_double() -> None:
    """No production memory gets meaningless vectors by mistake. The error names the setting and says what to do."""
    with pytest.raises(ConfigurationError, match=r"EUNOE_EMBEDDER=hash .* unset it, or .* EUNOE_PURPOSE=test"):
        load_embedder(Settings(embedder="hash"))
    with pytest.raises(ConfigurationError, match="EUNOE_EMBEDDER=hash"):
        load_embedder(Settings(embedder="hash", purpose="production"))


@pytest.mark.parametrize("purpose", ["test", "benchmark"])
def test_tests_and_benchmarks_may_load_it(purpose: Literal["test", "benchmark"]) -> None:
    """Its vectors are as wide as the column, and its name is not that of any model."""
    embedder = load_embedder(Settings(embedder="hash", purpose=purpose, embedding_dimensions=WIDTH))
    assert isinstance(embedder, HashEmbedder)
    assert (embedder.name, embedder.dimensions) == ("eunoe/hash", WIDTH)
    assert embedder.embed(["hello"]).shape == (1, WIDTH)


def test_the_test_double_is_never_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is the model, in production. Another purpose alone does not change the embedder."""
    assert (Settings().embedder, Settings().purpose) == ("fastembed", "production")
    monkeypatch.setenv("EUNOE_PURPOSE", "test")
    assert Settings().embedder == "fastembed"
