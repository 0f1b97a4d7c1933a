"""Cut a text that is too long for the model into overlapping pieces."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, TypeAlias

Span: TypeAlias = tuple[int, int]
"""The first character of a piece and the one behind its last, in code points."""

# Two or three sentences of a chat: a shorter statement is whole in at least one piece, wherever the cut falls. The
# overlap costs a fifth of the model's work on long texts.
OVERLAP_TOKENS: Final = 48

# A piece may be shorter by this share, so that it ends with a line or a sentence.
_MAX_SHORTENING: Final = 0.15
_ENDING: Final = re.compile(r"\n|[.!?…][\"'”’»)\]]*\s|[。！？]")  # noqa: RUF001 - typographic and full-width marks are meant


def cut(
    text: str,
    token_starts: Sequence[int],
    words: Sequence[int | None],
    *,
    limit_tokens: int,
    overlap_tokens: int = OVERLAP_TOKENS,
) -> list[Span]:
    """Cut a text into overlapping pieces, each short enough for the model.

    A piece ends between words; near the limit, after a line or a sentence. Only a word longer than half the limit is
    cut. Its parts may have other tokens than the whole, and one or two more than the limit.

    Args:
        text: A text of any length.
        token_starts: The character at which each token starts, never falling.
        words: The number of the word that each token belongs to; None is a word of its own.
        limit_tokens: Tokens per piece at most, without special tokens.
        overlap_tokens: Tokens that two pieces share at least, if no word there is longer.

    Returns:
        The pieces in order and without gaps; the whole text if it is short enough. The last piece has at least half
        the limit, so that a few last words are no piece of their own.
    """
    tokens = len(token_starts)
    if tokens <= limit_tokens:
        return [(0, len(text))]
    places = _places(token_starts, words, longest_word=limit_tokens // 2)
    spans: list[Span] = []
    first = 0
    while tokens - first > limit_tokens:
        end = _end(text, token_starts, places, first, limit_tokens)
        if end == first:  # one character has more tokens than the limit, so no cut is possible
            break
        spans.append((token_starts[first] if first else 0, token_starts[end]))
        following = _last(places, min(end - overlap_tokens, tokens - limit_tokens // 2))
        first = following if following > first else end
    spans.append((token_starts[first] if first else 0, len(text)))
    return spans


def _places(starts: Sequence[int], words: Sequence[int | None], *, longest_word: int) -> list[int]:
    """Return the tokens at which a piece may begin: the first of each word, or of a part of a very long word.

    A character may have several tokens, as a Hangul syllable does. No piece begins between them.
    """
    places = [0]
    for token in range(1, len(starts)):
        new_word = words[token] is None or words[token] != words[token - 1]
        if (new_word or token - places[-1] >= longest_word) and starts[token] > starts[token - 1]:
            places.append(token)
    return places


def _end(text: str, starts: Sequence[int], places: Sequence[int], first: int, limit_tokens: int) -> int:
    """Return the token behind the piece that begins at token `first`."""
    latest = _last(places, first + limit_tokens)
    earliest = max(first + 1, first + int(limit_tokens * (1 - _MAX_SHORTENING)))
    if earliest < latest:
        end = max((found.end() for found in _ENDING.finditer(text, starts[earliest], starts[latest])), default=0)
        behind = _last(places, bisect_left(starts, end))
        if behind >= earliest:
            return behind
    return latest


def _last(places: Sequence[int], token: int) -> int:
    """Return the last place at or before a token."""
    return places[max(0, bisect_right(places, token) - 1)]
