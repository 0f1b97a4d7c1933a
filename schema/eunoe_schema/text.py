"""The text types of the contract: texts that PostgreSQL can store and that a Redis key can contain.

PostgreSQL's `text` stores any Unicode text without NUL characters. pydantic refuses lone surrogates by itself. Both are
refused when a message is validated, so that no consumer group meets them later.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

NAME_CHARS = 256
# A derived session id is a thread id (256 characters) and a time in milliseconds. With a user id beside it, both of
# four-byte characters, it must fit into an index row of 2,704 bytes. A larger value would make inserts fail.
SESSION_CHARS = 300


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError(f"contains the NUL character at index {text.index(chr(0))}, which PostgreSQL cannot store")
    return text


# Characters that no reader sees: white space, control characters, Unicode's Default_Ignorable_Code_Point (zero-width
# and bidirectional marks, variation selectors, tags, fillers of Hangul, the soft hyphen, the byte order mark),
# and three characters with an empty glyph: the blank of Braille, the null notehead and the Khitan filler.
# Python's tables lack that property. Other unassigned characters count as visible: they may be new emoji.
_INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character. Some providers refuse a prompt with such a message."""
    return _INVISIBLE.fullmatch(text) is not None


def _not_blank(text: str) -> str:
    if is_blank(text):
        raise ValueError(
            "holds nothing but white space or invisible characters: write words that people can see, or leave it out"
        )
    return text


# The last annotation of a type, so that pydantic still checks and names the lengths as those of a string.
WithoutNul = AfterValidator(_without_nul)
NotBlank = AfterValidator(_not_blank)
Text = Annotated[str, Field(min_length=1), WithoutNul]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), WithoutNul]
SessionId = Annotated[str, Field(min_length=1, max_length=SESSION_CHARS), WithoutNul]
EntryId = Annotated[str, Field(pattern=r"^[0-9]{1,19}-[0-9]{1,19}$")]
