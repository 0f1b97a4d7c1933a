"""The content of a memory: its bounds, and the hash that recognises the same content."""

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
        raise ValueError("holds nothing but white space")
    return content


NotBlank = AfterValidator(_not_blank)
Content = Annotated[str, Field(min_length=1, max_length=CONTENT_CHARS), WithoutNul, NotBlank]
Tag = Annotated[str, Field(min_length=1, max_length=TAG_CHARS), WithoutNul]
Tags = Annotated[tuple[Tag, ...], Field(max_length=MAX_TAGS)]
Share = Annotated[float, Field(ge=0, le=1)]


def content_hash(content: str) -> str:
    """Return the SHA-256 of a content as 64 hexadecimal digits, the same for case, spacing and Unicode variants.

    The content is normalised to NFC, case-folded, and each run of white space becomes one space. Case folding may leave
    NFC, so it is normalised again.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", content).casefold())
    return hashlib.sha256(" ".join(folded.split()).encode()).hexdigest()
