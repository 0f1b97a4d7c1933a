"""A memory's content: its bounds, and the hash by which the same content is known again."""

import hashlib
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from eunoe_schema.text import WithoutNul

CONTENT_CHARS = 8_192
TAG_CHARS = 100
MAX_TAGS = 50


def _not_blank(content: str) -> str:
    if not content.strip():
        msg = "holds nothing but white space"
        raise ValueError(msg)
    return content


NotBlank = AfterValidator(_not_blank)
Content = Annotated[str, Field(min_length=1, max_length=CONTENT_CHARS), WithoutNul, NotBlank]
Tag = Annotated[str, Field(min_length=1, max_length=TAG_CHARS), WithoutNul]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS)]
Share = Annotated[float, Field(ge=0, le=1)]


def content_hash(content: str) -> str:
    """Return the SHA-256, as 64 hexadecimal digits, of what two spellings of the same content have in common.

    Case-folded, in NFC, every run of white space one space. Folding may leave NFC, so that is made last.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", content).casefold())
    return hashlib.sha256(" ".join(folded.split()).encode()).hexdigest()
