"""Text types of the contract: what PostgreSQL can store and a key can hold.

PostgreSQL's `text` holds any Unicode text but the NUL character; pydantic itself refuses lone surrogates. Refusing both
here means that no group meets them later.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

NAME_CHARS = 256
# A derived session id is a thread id and the millisecond of its first message. No longer: with a user id beside it,
# both of four-byte characters, it must fit a btree row of 2,704 bytes.
SESSION_CHARS = 300


def _without_nul(text: str) -> str:
    if "\x00" in text:
        msg = f"contains the NUL character at index {text.index(chr(0))}, which PostgreSQL cannot store"
        raise ValueError(msg)
    return text


# Last among a type's annotations, so that lengths are checked, and named, as those of a string.
WithoutNul = AfterValidator(_without_nul)
Text = Annotated[str, Field(min_length=1), WithoutNul]
Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS), WithoutNul]
SessionId = Annotated[str, Field(min_length=1, max_length=SESSION_CHARS), WithoutNul]
EntryId = Annotated[str, Field(pattern=r"^[0-9]{1,19}-[0-9]{1,19}$")]
