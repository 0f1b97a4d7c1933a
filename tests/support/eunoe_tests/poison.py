"""Poison events, which the gateway refuses and the groups dead-letter, and legal events that resemble them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eunoe_schema.events import DEFAULT_CONTENT_CHARS, METADATA_BYTES, METADATA_DEPTH
from eunoe_schema.text import NAME_CHARS, SESSION_CHARS

EMOJI = "\U0001f600"
_LETTER = "\U00010330"  # a letter, not a symbol: a word for the lexical index; four bytes
_NAMES = ("event_id", "user_id", "thread_id", "channel", "speaker")
_TEXTS = (*_NAMES, "session_id", "content")


@dataclass(frozen=True)
class Poison:
    """Fields that make a valid event invalid.

    Attributes:
        fields: The fields that replace those of the valid event.
        at_edge: A part of the error of the gateway.
        in_letter: A part of the reason in the dead letter, if the entry was appended past the gateway.
    """

    fields: Mapping[str, Any]
    at_edge: str
    in_letter: str


def nested(levels: int) -> dict[str, Any]:
    """Return metadata of so many levels, its own and the innermost value's included."""
    value: Any = 1
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def poisons() -> Iterator[tuple[str, Poison]]:
    """Yield each poison with a name."""
    for field in _TEXTS:
        nul = f"{field}: contains the NUL character at index 1"
        yield f"{field} with NUL", Poison({field: "a\x00"}, nul, nul)
        yield (
            f"{field} with half a character",
            Poison({field: "a\ud83d"}, f"{field}: Input should be a valid string", "event: Invalid JSON"),
        )
    for field, chars in (*((name, NAME_CHARS) for name in _NAMES), ("session_id", SESSION_CHARS)):
        yield f"{field} too long", _alike({field: EMOJI * (chars + 1)}, f"{field}: String should have at most {chars}")
    yield (
        "a content of emoji, one too many",
        _alike(
            {"content": EMOJI * (DEFAULT_CONTENT_CHARS + 1)}, "content: 32769 characters; at most 32768 are allowed"
        ),
    )
    for name, content in {"blanks": " \n\u3000", "a zero-width space": "\u200b", "a filler": "\u3164\ufeff"}.items():
        yield f"a content of {name}", _alike({"content": content}, "content: holds nothing but white space")
    for moment, reason in {
        "0001-01-01T00:00:00+14:00": "lies outside the years 1 to 9999 in UTC",
        "9999-12-31T23:59:59-00:01": "lies outside the years 1 to 9999 in UTC",
        "0001-01-01T00:00:00Z": "is the first or last moment of the calendar",
        "9999-12-31T23:59:59.999999": "is the first or last moment of the calendar",
        "0000-12-31T23:59:59Z": "Input should be a valid datetime",
        "10000-01-01T00:00:00Z": "Input should be a valid datetime",
        "-4713-01-01T00:00:00Z": "Input should be a valid datetime",
        "infinity": "Input should be a valid datetime",
    }.items():
        yield f"occurred_at {moment}", _alike({"occurred_at": moment}, f"occurred_at: {reason}")
    for name, metadata in {"value": {"a": ["\x00"]}, "key": {"a": {"\x00": 1}}}.items():
        yield f"metadata with NUL in a {name}", _alike({"metadata": metadata}, "metadata: contains a NUL")
    for name, metadata in {"value": {"a": "\udc00"}, "key": {"\udc00": 1}}.items():
        yield (
            f"metadata with half a character in a {name}",
            Poison({"metadata": metadata}, "metadata: contains a NUL character or", "event: Invalid JSON"),
        )
    for number in (float("nan"), float("inf")):
        yield f"metadata with {number}", _alike({"metadata": {"a": number}}, "metadata: is not JSON")
    yield "metadata too deep", _alike({"metadata": nested(METADATA_DEPTH + 1)}, "metadata: nests deeper")
    yield (
        "metadata far too deep",
        Poison({"metadata": nested(400)}, "Recursion error", "event: Invalid JSON: recursion limit exceeded"),
    )
    yield (
        "metadata too large",
        _alike({"metadata": {"a": EMOJI * (METADATA_BYTES // 4)}}, "bytes of JSON; at most 16384"),
    )


def _alike(fields: Mapping[str, Any], reason: str) -> Poison:
    return Poison(fields, at_edge=reason, in_letter=reason)


POISONS = dict(poisons())

# Valid events at the limits of the contract. PostgreSQL and Redis keys must be able to store them.
LEGAL: dict[str, Mapping[str, Any]] = {
    "32,768 emoji": {"content": EMOJI * DEFAULT_CONTENT_CHARS},
    "one word of 32,768 letters": {"content": _LETTER * DEFAULT_CONTENT_CHARS},
    "the longest names": dict.fromkeys(_NAMES, _LETTER * NAME_CHARS) | {"session_id": _LETTER * SESSION_CHARS},
    "the longest names, a derived session": dict.fromkeys(_NAMES, EMOJI * NAME_CHARS),
    "every control but NUL": {"content": "x" + "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f\u2028\ufeff"},
    "no characters, the last character": {"content": "\ufffe\uffff\U0010ffff", "speaker": "\ufdd0"},
    "a blank speaker": {"speaker": "\t"},
    "the second moment": {"occurred_at": "0001-01-01T00:00:00.000001Z"},
    "the last moment but one": {"occurred_at": "9999-12-31T23:59:59.999998Z"},
    "a moment without a zone": {"occurred_at": "2024-02-29T12:00:00"},
    "the deepest metadata": {"metadata": nested(METADATA_DEPTH)},
    "numbers of metadata": {"metadata": {"a": [10**4_000, 1.7976931348623157e308, 5e-324, -(2**63) - 1]}},
    "metadata that speaks of NUL": {"metadata": {"a": "\\u0000", "\\x00": "\\ud800"}},
    "metadata of 16 KiB": {"metadata": {"a": "x" * (METADATA_BYTES - len(json.dumps({"a": ""})))}},
}
