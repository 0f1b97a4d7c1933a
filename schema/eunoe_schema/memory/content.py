"""The content of a memory: its bounds, and the hash that recognises the same content."""

import hashlib
import re
import unicodedata
from typing import Annotated

from pydantic import Field

from eunoe_schema.text import NotBlank, WithoutNul

CONTENT_CHARS = 8_192
TAG_CHARS = 100
MAX_TAGS = 50


Content = Annotated[str, Field(min_length=1, max_length=CONTENT_CHARS), WithoutNul, NotBlank]
Tag = Annotated[str, Field(min_length=1, max_length=TAG_CHARS), WithoutNul, NotBlank]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS)]
Share = Annotated[float, Field(ge=0, le=1)]


# ASCII white space only, because migration 0024 computes the same hash in SQL.
_FIRST_BLANK_LINES = re.compile(r"\A(?:[ \t\r\f\v]*\n)+")
_BLANKS = " \t\n\r\f\v"


def content_hash(content: str) -> str:
    """Return the SHA-256 of a content as 64 hexadecimal digits, the same for canonically equal texts.

    The content is normalised to NFC. Blank lines at its beginning and white space at its end are cut. Everything else
    counts: passwords and code differ in case, spacing or indentation alone.
    """
    normal = unicodedata.normalize("NFC", content)
    return hashlib.sha256(_FIRST_BLANK_LINES.sub("", normal).rstrip(_BLANKS).encode()).hexdigest()
