"""The embedder: texts in, unit vectors out, through fastembed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from .errors import ModelError
from .pieces import Span, cut
from .weights import MAX_TOKENS, MODEL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fastembed import TextEmbedding
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from .prepare import PreparedModel


class Embedder(Protocol):
    """Something that turns texts into unit vectors. Its methods block and may be called from several threads."""

    @property
    def name(self) -> str:
        """The model's name, as it is written on every row."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens that the model sees of each text: after truncation, special tokens included, no padding."""
        ...

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each whole text, without the special ones: what a token budget is measured in."""
        ...

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Cut each text into overlapping pieces that the model sees whole: one, the text itself, where it can be."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts into an array (n, dimensions) float32 of unit rows, in the order of the texts."""
        ...


class FastembedEmbedder:
    """An `Embedder` over fastembed, on one thread.

    One thread, because a second one slows the first under load: scale by processes. A batch is sorted by token count
    and embedded slice by slice: chat texts of mixed length are then padded by 3 to 7 %, and the whole reaches 0.95 of
    bare onnxruntime on the same slices. Fastembed's default, 256 texts as they come, is 3 to 10 times slower.

    Args:
        prepared: What `prepare_model` returned; a download happens here and may take minutes.
        cache_dir: Where fastembed keeps its downloads.
        slice_texts: Texts per run of the model. Measured: 4 is as fast as 8, 16 reaches 0.91 of it, 32 0.75.

    Raises:
        ModelError: The model cannot be loaded or downloaded, or fastembed does not know its name.
    """

    def __init__(self, prepared: PreparedModel, *, cache_dir: Path, slice_texts: int = 8) -> None:
        self._model = _load(prepared, cache_dir)
        self._tokenizer = _without_padding(_pinned_tokenizer(self._model))
        self._limit_tokens = _content_tokens(self._tokenizer)
        self._whole = _without_padding(self._tokenizer)
        self._whole.no_truncation()
        self._slice_texts = slice_texts
        self._name = prepared.name

    @property
    def name(self) -> str:
        """The model's name, as it is written on every row."""
        return self._name

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._model.embedding_size

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens that the model sees of each text: after truncation, special tokens included, no padding.

        Raises:
            TypeError: A text holds a lone surrogate, which is no Unicode text.
        """
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each whole text, without the special ones: what a token budget is measured in."""
        return [len(encoding) for encoding in self._whole.encode_batch_fast(list(texts), add_special_tokens=False)]

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Cut each text into overlapping pieces that the model sees whole: one, the text itself, where it can be.

        Raises:
            TypeError: A long text holds a lone surrogate, which is no Unicode text.
        """
        return [self._cut(text) for text in texts]

    def _cut(self, text: str) -> list[Span]:
        # WordPiece has no more tokens than a text has bytes (of characters it may have more: a Hangul syllable is up to
        # three), so short texts need not be tokenised to know that they are short.
        if self._limit_tokens is None or len(text.encode("utf-8", "surrogatepass")) <= self._limit_tokens:
            return [(0, len(text))]
        # One by one: the tokens of a batch of the longest texts, with their places, would take half a gigabyte.
        encoding = self._whole.encode(text, add_special_tokens=False)
        starts = [start for start, _ in encoding.offsets]
        return cut(text, starts, encoding.word_ids, limit_tokens=self._limit_tokens)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts into an array (n, dimensions) float32 of unit rows, in the order of the texts.

        Raises:
            TypeError: A text holds a lone surrogate, which is no Unicode text.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        order = list(range(len(texts)))
        if len(texts) > self._slice_texts:  # one slice pads alike in any order, and a query need not wait for a count
            order.sort(key=self.count_tokens(texts).__getitem__)
        rows = self._model.embed([texts[index] for index in order], batch_size=self._slice_texts)
        for index, row in zip(order, rows, strict=True):
            vectors[index] = row
        return vectors


def _load(prepared: PreparedModel, cache_dir: Path) -> TextEmbedding:
    # From 1.29 on onnxruntime reports to its maker unless told not to before it is loaded, and nothing about a model
    # that reads users' conversations shall leave the machine.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from fastembed import TextEmbedding  # noqa: PLC0415 - takes a second to import, which users of Embedder are spared

    path = None if prepared.path is None else str(prepared.path)
    try:
        return TextEmbedding(prepared.name, cache_dir=str(cache_dir), threads=1, specific_model_path=path)
    # onnxruntime's, tokenizers' and the hub's errors have no base in common but Exception, and all mean the same here.
    except Exception as error:
        if prepared.source == "download":
            raise ModelError(
                f"fastembed could not provide {prepared.name} ({error}). Without a network, install "
                f"eunoe[offline-model] (for {MODEL_NAME}) or set EUNOE_MODEL_PATH to a folder with the model."
            ) from error
        raise ModelError(f"The model {prepared.name} in {prepared.path} cannot be loaded: {error}") from error


def _pinned_tokenizer(model: TextEmbedding) -> Tokenizer:
    """Pin the length at which fastembed truncates all-MiniLM-L6-v2 and return its tokenizer."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - comes with fastembed

    tokenizer = cast("object", getattr(model.model, "tokenizer", None))
    if not isinstance(tokenizer, Tokenizer):
        raise ModelError(f"fastembed runs {model.model_name} without a tokenizer, so its tokens cannot be counted.")
    if model.model_name.lower() == MODEL_NAME.lower():
        # Copies of the model name 128, 256 or 512 tokens in their configuration. The same name on a row must mean the
        # same vector, wherever the process that wrote it found the files.
        truncate = cast("Callable[[int], None]", tokenizer.enable_truncation)  # its **kwargs are untyped
        truncate(MAX_TOKENS)
    return tokenizer


def _content_tokens(tokenizer: Tokenizer) -> int | None:
    """Return how many tokens of a text the model sees, without the special ones; None where there is no limit."""
    truncation = cast("dict[str, object] | None", tokenizer.truncation)
    if truncation is None:
        return None
    return cast("int", truncation["max_length"]) - tokenizer.num_special_tokens_to_add(is_pair=False)


def _without_padding(tokenizer: Tokenizer) -> Tokenizer:
    """Copy a tokenizer, for switching off the padding of fastembed's own would break its batches."""
    unpadded = type(tokenizer).from_str(tokenizer.to_str())
    unpadded.no_padding()
    return unpadded
