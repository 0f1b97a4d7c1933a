"""The fastembed embedder: correct vectors, in order, from any thread, and errors that say what to do."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import fastembed
import numpy as np
import pytest

from eunoe_consumers.embedding.embedder import Embedder, FastembedEmbedder
from eunoe_consumers.embedding.prepare import PreparedModel, prepare_model
from eunoe_consumers.embedding.unknown import is_vector_of_unknown
from eunoe_consumers.embedding.weights import MODEL_NAME, ModelError, ModelNotReady

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fastembed.common.types import NumpyArray

TEXTS = [f"{'the river ran on and ' * (index * 7 % 11)}met sea number {index}" for index in range(21)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedModel:
    """Build the model from the wheel once for all tests."""
    return prepare_model(model_name=MODEL_NAME, model_path=None, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def embedder(prepared: PreparedModel, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """Load the model once for all tests that do not change it."""
    return FastembedEmbedder(prepared, cache_dir=tmp_path_factory.mktemp("fastembed"))


def test_vectors_equal_those_of_the_published_model(embedder: Embedder) -> None:
    """sentence-transformers gives this sentence of the model card these first numbers."""
    (vector,) = embedder.embed(["This is an example sentence"])
    np.testing.assert_allclose(vector[:4], [0.0676569, 0.0634959, 0.0487131, 0.0793050], rtol=0, atol=1e-5)


def test_batch_keeps_the_order_of_its_texts(embedder: Embedder) -> None:
    """Row i is text i at unit length, equal to the vector of the text alone, in spite of sorting by length."""
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(vectors, alone, rtol=0, atol=1e-5)


UNKNOWN = [
    "\u0e41\u0e21\u0e27\u0e02\u0e2d\u0e07\u0e09\u0e31\u0e19",  # Thai
    "\u0e23\u0e32\u0e04\u0e32 500 \u0e1a\u0e32\u0e17",
    "\u6211\u6628\u5929\u5728\u5317\u4eac\u5403\u4e86\u70e4\u9e2d",  # Chinese, with a few known characters
    "\u660e\u5929\u4e0b\u5348\u4e09\u70b9\u5f00\u4f1a",
    "\u1219\u1230\u120b\u121d",  # Amharic
    "\U0001f389\U0001f389",
    "\U0001f382!!!",
    "aB3x" * 40,
    "Zq9" * 60,
]
KNOWN = [
    "Pizza \U0001f355",
    "the key: " + "aB3x" * 40,
    "\u042f \u0436\u0438\u0432\u0443 \u0437\u0434\u0435\u0441\u044c",
    "?!",
    "hello",
]


def test_texts_of_unknown_letters_are_near_to_nothing(embedder: Embedder) -> None:
    """Except to themselves. A few pictures or a blob beside known words change nothing."""
    vectors = embedder.embed([*UNKNOWN, *KNOWN])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosines = vectors @ vectors.T - np.eye(len(vectors))
    assert np.abs(cosines[: len(UNKNOWN)]).max() < 0.25
    np.testing.assert_array_equal(embedder.embed(UNKNOWN), vectors[: len(UNKNOWN)])
    found = [is_vector_of_unknown(*pair) for pair in zip(vectors, [*UNKNOWN, *KNOWN], strict=True)]
    assert found == [True] * len(UNKNOWN) + [False] * len(KNOWN)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    """An empty batch is an array that can be stacked with others."""
    assert embedder.embed([]).shape == (0, 384)
    assert embedder.count_tokens([]) == []


def test_name_and_dimensions_are_those_of_the_model(embedder: Embedder) -> None:
    """Both are stored in the database, or must match it."""
    assert (embedder.name, embedder.dimensions) == (MODEL_NAME, 384)


def test_tokens_are_counted_without_padding(embedder: Embedder) -> None:
    """A short text beside a long one counts its own tokens, with [CLS] and [SEP]."""
    assert embedder.count_tokens(["hello world", "", "hello " * 100]) == [4, 2, 102]


def test_long_texts_are_truncated_at_256_tokens(embedder: Embedder) -> None:
    """A token up to the 256th is counted and changes the vector. A later one does neither."""
    full = "hello " * 253
    texts = [full + "river", full + "river " * 500, full + "stone"]
    assert embedder.count_tokens(texts) == [256, 256, 256]
    vectors = embedder.embed(texts)
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=0, atol=1e-6)
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-4


@pytest.mark.parametrize("claimed", [128, 512])
def test_truncation_does_not_depend_on_the_files(prepared: PreparedModel, tmp_path: Path, claimed: int) -> None:
    """A copy of the model that is configured with another length still sees 256 tokens."""
    assert prepared.path is not None
    folder = tmp_path / "copy"
    shutil.copytree(prepared.path, folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": claimed}), "utf-8")
    embedder = FastembedEmbedder(PreparedModel(MODEL_NAME, folder, "path"), cache_dir=tmp_path)
    assert embedder.count_tokens(["hello " * 600]) == [256]


def test_texts_of_similar_length_share_a_slice(
    prepared: PreparedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts reach fastembed sorted by tokens, in slices, because padding costs time."""
    handed: list[tuple[list[str], int]] = []
    original = fastembed.TextEmbedding.embed

    def record(self: fastembed.TextEmbedding, documents: list[str], batch_size: int) -> Iterable[NumpyArray]:
        handed.append((documents, batch_size))
        return original(self, documents, batch_size)

    embedder = FastembedEmbedder(prepared, cache_dir=tmp_path, slice_texts=4)
    monkeypatch.setattr(fastembed.TextEmbedding, "embed", record)
    embedder.embed(TEXTS)
    ((documents, batch_size),) = handed
    counts = embedder.count_tokens(documents)
    assert batch_size == 4
    assert counts == sorted(counts)
    assert sorted(documents) == sorted(TEXTS)


def test_threads_share_an_embedder(embedder: Embedder) -> None:
    """Concurrent calls from several threads give the same vectors as calls one after another."""
    batches = [TEXTS[start : start + 12] for start in range(4)]
    expected = [embedder.embed(batch) for batch in batches]
    with ThreadPoolExecutor(len(batches)) as pool:
        for found, wanted in zip(pool.map(embedder.embed, batches), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_invalid_unicode_is_refused(embedder: Embedder) -> None:
    """A lone surrogate raises TypeError and never gives a wrong vector."""
    with pytest.raises(TypeError):
        embedder.embed(["fine", "broken \ud800"])


def test_unreadable_model_is_a_model_error(prepared: PreparedModel, tmp_path: Path) -> None:
    """The error names the folder of an unreadable graph, and has onnxruntime's error as its cause."""
    assert prepared.path is not None
    folder = tmp_path / "broken"
    shutil.copytree(prepared.path, folder, ignore=shutil.ignore_patterns("model.onnx"))
    (folder / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=f"{MODEL_NAME} in .*broken cannot be loaded") as raised:
        FastembedEmbedder(PreparedModel(MODEL_NAME, folder, "path"), cache_dir=tmp_path)
    assert raised.value.__cause__ is not None


def test_a_failed_download_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the error names the extra with the weights and the setting for a folder."""
    unreachable = ValueError("Could not load model from any source.")

    def fail(*_arguments: object, **_options: object) -> None:
        raise unreachable

    monkeypatch.setattr(fastembed.TextEmbedding, "__init__", fail)
    with pytest.raises(ModelNotReady, match=r"install eunoe\[offline-model\] .* or set EUNOE_MODEL_PATH") as raised:
        FastembedEmbedder(PreparedModel(MODEL_NAME, None, "download"), cache_dir=tmp_path)
    assert raised.value.__cause__ is unreachable
