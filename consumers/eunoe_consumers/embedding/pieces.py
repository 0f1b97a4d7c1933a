"""Pieces: where a text is cut that is longer than the model can see."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Span: TypeAlias = tuple[int, int]
"""A piece's first character and the one behind its last, in code points."""

# Two or three sentences of a chat: what is said in fewer tokens stands whole in one piece, wherever the cut falls. It
# costs a fifth of the model's work on long texts.
OVERLAP_TOKENS: Final = 48

# The share of a piece that is given up for a cut at the end of a line or a sentence.
_YIELDED: Final = 0.15
_ENDING: Final = re.compile(r"\n|[.!?…][\"'”’»)\]]*\s|[。！？]")  # noqa: RUF001 - typographic and full-width ones are meant


def cut(
    text: str,
    token_starts: Sequence[int],
    words: Sequence[int | None],
    *,
    limit_tokens: int,
    overlap_tokens: int = OVERLAP_TOKENS,
) -> list[Span]:
    """Cut a text into overlapping pieces that the model sees whole.

    A cut falls between words, near the limit behind a line or a sentence. A word is cut only where it is longer than
    half the limit: its parts may then have other tokens than the whole, and one or two too many.

    Args:
        text: Of any length.
        token_starts: The character that each token of it starts at, never falling.
        words: The word that each token is of; None counts as a word.
        limit_tokens: Tokens of a piece at most, special tokens not counted.
        overlap_tokens: Tokens at least that a piece shares with the next, where words are not longer than that.

    Returns:
        The pieces in order, without a gap; the whole text where it is short enough. The last has at least half the
        limit, so that a few left-over words do not stand for themselves.
    """
    tokens = len(token_starts)
    if tokens <= limit_tokens:
        return [(0, len(text))]
    places = _places(token_starts, words, longest_word=limit_tokens // 2)
    spans: list[Span] = []
    first = 0
    while tokens - first > limit_tokens:
        end = _end(text, token_starts, places, first, limit_tokens)
        if end == first:  # a character of more tokens than the limit: nothing behind it can be told apart
            break
        spans.append((token_starts[first] if first else 0, token_starts[end]))
        following = _last(places, min(end - overlap_tokens, tokens - limit_tokens // 2))
        first = following if following > first else end
    spans.append((token_starts[first] if first else 0, len(text)))
    return spans


def _places(starts: Sequence[int], words: Sequence[int | None], *, longest_word: int) -> list[int]:
    """Return the tokens before which a cut may fall: the first of each word, or of a part of a word that is too long.

    Several tokens may be of one character, as those of a Hangul syllable are: no cut falls between them.
    """
    places = [0]
    for token in range(1, len(starts)):
        new_word = words[token] is None or words[token] != words[token - 1]
        if (new_word or token - places[-1] >= longest_word) and starts[token] > starts[token - 1]:
            places.append(token)
    return places


def _end(text: str, starts: Sequence[int], places: Sequence[int], first: int, limit_tokens: int) -> int:
    """Return the token behind the piece that begins with token `first`."""
    furthest = _last(places, first + limit_tokens)
    nearest = max(first + 1, first + int(limit_tokens * (1 - _YIELDED)))
    if nearest < furthest:
        end = max((it.end() for it in _ENDING.finditer(text, starts[nearest], starts[furthest])), default=0)
        behind = _last(places, bisect_left(starts, end))
        if behind >= nearest:
            return behind
    return furthest


def _last(places: Sequence[int], token: int) -> int:
    """Return the last place at or before a token."""
    return places[max(0, bisect_right(places, token) - 1)]
