"""The pieces of long texts: no gaps, none longer than the model sees, and an overlap at each cut."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from eunoe_consumers.embedding.embedder import Embedder, FastembedEmbedder
from eunoe_consumers.embedding.hash_embedder import HashEmbedder
from eunoe_consumers.embedding.pieces import OVERLAP_TOKENS, cut
from eunoe_consumers.embedding.prepare import prepare_model
from eunoe_consumers.embedding.weights import MAX_TOKENS, MODEL_NAME
from eunoe_tests.properties import examples

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from pathlib import Path

    from eunoe_consumers.embedding.pieces import Span

LIMIT = MAX_TOKENS - 2
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
HARD_WORDS = [
    "river",
    "antidisestablishmentarianism",
    "x" * 99,
    "qz" * 60,
    "\u0130stanbul",
    "e\u0301te\u0301\u0323",
    "\u0301",
    "\ud55c\uad6d\uc5b4",
    "\u6f22\u5b57",
    FAMILY,
    "\U0001f600",
    "#\ufe0f\u20e3",
    "\ufdfa",
    "\u00df\u1e9e",
    "\u200b",
    "\x01",
    "[SEP]",
    "[MASK]",
    "3.14,",
    "\u2026\u201d",
    "\u3002",
]
SEPARATORS = ["", " ", "  ", "\n", "\r\n\r\n", "\t", "\u00a0", ". ", "! ", "\u3002", ", "]


@dataclass(frozen=True)
class Model:
    """The embedder, and its tokenizer without truncation."""

    embedder: Embedder
    tokenizer: Tokenizer

    def tokens(self, text: str) -> list[int]:
        """Return the ids of all tokens of a text, without special tokens."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Build and load the model once for all tests."""
    cache_dir: Path = tmp_path_factory.mktemp("cache")
    prepared = prepare_model(model_name=MODEL_NAME, model_path=None, cache_dir=cache_dir)
    assert prepared.path is not None
    tokenizer = Tokenizer.from_file(str(prepared.path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Model(FastembedEmbedder(prepared, cache_dir=cache_dir), tokenizer)


def assert_good(text: str, spans: list[Span], model: Model) -> None:
    """Assert every promise about the pieces of a text."""
    whole = model.tokens(text)
    assert (spans[0][0], spans[-1][1]) == (0, len(text))
    if len(whole) <= LIMIT:
        assert spans == [(0, len(text))]
        return
    assert len(spans) > 1
    begins = 0
    for start, end in spans:  # the tokens of a piece are consecutive tokens of the text, so no word was cut
        piece = model.tokens(text[start:end])
        assert len(piece) <= LIMIT
        found = [at for at in range(begins, len(whole)) if whole[at : at + len(piece)] == piece]
        assert found
        begins = found[0]
    for (start, end), (next_start, next_end) in pairwise(spans):
        assert start < next_start < end < next_end
        shared = len(model.tokens(text[next_start:end]))
        assert shared >= OVERLAP_TOKENS
        if next_end < len(text):  # a word has a hundred tokens at most
            assert shared < OVERLAP_TOKENS + 100
    assert len(model.tokens(text[slice(*spans[-1])])) >= LIMIT // 2


@st.composite
def long_texts(draw: st.DrawFn) -> str:
    """Draw a text of words and separators of many kinds, most often longer than the model can see."""
    words = draw(st.lists(st.sampled_from(HARD_WORDS) | st.text(max_size=8), min_size=1, max_size=40))
    separators = draw(st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=7))
    parts = [word + separators[at % len(separators)] for at, word in enumerate(words)]
    return "".join(parts) * draw(st.integers(1, 40))


@given(text=long_texts())
@example(text="x" * 32_768)
@example(text="\u6f22\u5b57" * 16_384)
@example(text="\ud55c\uad6d\uc5b4 " * 200)
@example(text="\ud55c\uad6d\uc5b4 " * 60)  # of 240 characters and 480 tokens
@example(text=f"{FAMILY} " * 600)
@example(text="\u0130I\u0131i " * 200)
@example(text="e\u0301\u0323 " * 600)
@example(text="word" + " " * 20_000 + "word " * 300 + "\u200b" * 5_000)
@example(text="/9j+4AAQ/SkZJ+Rg=" * 1_900)
@examples(60)
def test_pieces_are_valid_in_every_script(text: str, model: Model) -> None:
    """No gaps, within the limit, whole words, an overlap at each cut, and a last piece of useful length."""
    (spans,) = model.embedder.spans([text])
    assert_good(text, spans, model)
    assert model.embedder.spans(["short", text]) == [[(0, 5)], spans]


def test_a_text_up_to_the_limit_is_one_piece(model: Model) -> None:
    """254 tokens are one piece, 255 are two; a text of many bytes and few tokens is one."""
    assert model.embedder.spans(["a " * LIMIT, "", "hello " * 100]) == [[(0, 2 * LIMIT)], [(0, 0)], [(0, 600)]]
    (spans,) = model.embedder.spans(["a " * (LIMIT + 1)])
    assert spans[0] == (0, 2 * LIMIT)
    assert len(spans) == 2


def test_no_character_has_more_tokens_than_bytes(model: Model) -> None:
    """So a text of few bytes needs no tokenizer. Checked for all characters that Unicode decomposes."""
    apart = [chr(code) for code in range(sys.maxunicode + 1) if len(unicodedata.normalize("NFD", chr(code))) > 1]
    assert len(apart) > 12_000
    encodings = model.tokenizer.encode_batch(apart, add_special_tokens=False)
    assert max(map(len, encodings)) == 3
    assert [
        text for text, encoding in zip(apart, encodings, strict=True) if len(encoding) > len(text.encode("utf-8"))
    ] == []


@pytest.mark.parametrize("end", [". ", "?\n", "\n", '!" ', "\u3002", ".) "], ids=repr)
def test_pieces_end_with_a_sentence_or_line(model: Model, end: str) -> None:
    """A piece ends where a sentence or line ends near the limit."""
    text = (f"the river ran on and on until it met the sea{end}" * 80).strip()
    (spans,) = model.embedder.spans([text])
    assert len(spans) > 3
    assert all(text[:stop].endswith(end) for _, stop in spans[:-1])
    assert_good(text, spans, model)


def test_a_sentence_far_from_the_limit_does_not_shorten_a_piece(model: Model) -> None:
    """A full stop in the first half of a piece does not end the piece."""
    text = "the river. " + "sea " * 400
    (spans,) = model.embedder.spans([text])
    assert len(model.tokens(text[: spans[0][1]])) == LIMIT


def test_the_first_piece_has_the_vector_of_the_truncated_text(model: Model) -> None:
    """If no sentence ends near the limit, the model sees the same tokens of both."""
    text = "sea " * 600
    (spans,) = model.embedder.spans([text])
    whole, first = model.embedder.embed([text, text[slice(*spans[0])]])
    assert whole == pytest.approx(first, abs=1e-6)


@given(
    lengths=st.lists(st.integers(1, 300), max_size=60),
    limit=st.integers(1, 100),
    overlap=st.integers(0, 60),
    tokens_per_character=st.integers(1, 3),
)
def test_any_tokenizer_gets_pieces_without_a_gap(
    lengths: list[int], limit: int, overlap: int, tokens_per_character: int
) -> None:
    """Also with words longer than the limit and characters of several tokens. The cutting ends and misses nothing."""
    words = [word for word, length in enumerate(lengths) for _ in range(length)]
    starts = [token // tokens_per_character for token in range(len(words))]
    text = "x" * (-(-len(words) // tokens_per_character))
    spans = cut(text, starts, words, limit_tokens=limit, overlap_tokens=overlap)
    assert (spans[0][0], spans[-1][1]) == (0, len(text))
    for (start, end), (next_start, next_end) in pairwise(spans):
        assert start < next_start <= end <= next_end
    if limit >= 2 * tokens_per_character:
        assert all((end - start) * tokens_per_character <= limit + tokens_per_character for start, end in spans)


def test_the_hash_embedder_cuts_by_words() -> None:
    """The test double has pieces, too: 254 words each, with the overlap."""
    words = [f"word{number}" for number in range(600)]
    text = " ".join(words)
    short, spans = HashEmbedder(4).spans(["short", text])
    assert short == [(0, 5)]
    pieces = [text[start:end].split() for start, end in spans]
    assert pieces[0] == words[:LIMIT]
    assert pieces[1] == words[LIMIT - OVERLAP_TOKENS : 2 * LIMIT - OVERLAP_TOKENS]
    assert pieces[2][-1] == words[-1]
    assert len(pieces) == 3
