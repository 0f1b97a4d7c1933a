"""The text types of the contract: texts that PostgreSQL can store and that a Redis key can contain.

PostgreSQL's `text` stores any Unicode text without NUL characters. pydantic refuses lone surrogates by itself. Both are
refused when a message is validated, so that no consumer group meets them later.
"""

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


# The last annotation of a type, so that pydantic still checks and names the lengths as those of a string.
WithoutNul = AfterValidator(_without_nul)
Text = Annotated[str, Field(min_length=1), WithoutNul]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), WithoutNul]
SessionId = Annotated[str, Field(min_length=1, max_length=SESSION_CHARS), WithoutNul]
EntryId = Annotated[str, Field(pattern=r"^[0-9]{1,19}-[0-9]{1,19}$")]
