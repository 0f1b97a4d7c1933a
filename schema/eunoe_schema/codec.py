"""Conversion between the fields of a stream entry and the models of the contract.

Decoding accepts the canonical form (the field `__data__` with JSON), FastStream's binary and JSON envelopes inside that
field, and flat fields (`XADD ... tenant_id ... role user content ...`). So any language and any FastStream application
can publish.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from eunoe_schema.events import MessageEvent
from eunoe_schema.streams import DATA_FIELD
from eunoe_schema.validation import describe

ModelT = TypeVar("ModelT", bound=BaseModel)

# FastStream's BinaryMessageFormatV1: magic, version, offset of the headers, offset of the data, headers, data. All
# numbers are big-endian.
_BINARY_MAGIC = b"\x89BIN\r\n\x1a\n"
_BINARY_HEAD = struct.Struct(">HII")


@dataclass(frozen=True)
class Refusal:
    """The reason why an entry cannot be decoded.

    Attributes:
        reason: A sentence for the dead letter. It quotes values, which may be a user's words.
        summary: The reason without values, for logs.
    """

    reason: str
    summary: str


def encode(model: BaseModel) -> bytes:
    """Return a model as canonical JSON, without members that are None."""
    return model.model_dump_json(exclude_none=True).encode()


def decode(fields: Mapping[bytes, bytes], model: type[ModelT]) -> ModelT | Refusal:
    """Decode the fields of an entry. Never raises, whatever the fields contain.

    Args:
        fields: Field names and values, as Redis returns them.
        model: The model that the stream carries.

    Returns:
        The validated model, or the reason why the fields break the contract.
    """
    body = fields.get(DATA_FIELD.encode())
    try:
        if body is None:
            return model.model_validate(_flat_fields(fields))
        return model.model_validate_json(_unwrap(body))
    except ValidationError as error:
        paths = {str(item["loc"][0]) if item["loc"] else "event" for item in error.errors(include_url=False)}
        known = sorted(paths & model.model_fields.keys()) or ["event"]  # a log must not name the sender's own fields
        return Refusal(describe(error), f"invalid: {', '.join(known)}")
    except (ValueError, RecursionError) as error:  # includes UnicodeDecodeError and JSONDecodeError
        return Refusal(f"not decodable: {error}", f"not decodable: {type(error).__name__}")


def decode_message(fields: Mapping[bytes, bytes], *, max_content_chars: int) -> MessageEvent | Refusal:
    """Decode a message event and check the length of its content, which is a setting."""
    event = decode(fields, MessageEvent)
    if isinstance(event, Refusal):
        return event
    reason = oversized(event, max_content_chars=max_content_chars)
    return Refusal(reason, "content is too long") if reason else event


def oversized(event: MessageEvent, *, max_content_chars: int) -> str | None:
    """Return why the content of `event` is too long, or None. Gateway and consumers share this check."""
    if len(event.content) <= max_content_chars:
        return None
    return (
        f"content: {len(event.content)} characters; at most {max_content_chars} are allowed: "
        "split the message or raise max_content_chars (EUNOE_MAX_CONTENT_CHARS for consumers)"
    )


def _flat_fields(fields: Mapping[bytes, bytes]) -> dict[str, object]:
    """Return flat fields as the input of the model. Only `metadata` is JSON."""
    values: dict[str, object] = {name.decode(): value.decode() for name, value in fields.items()}
    if isinstance(metadata := values.get("metadata"), str):
        values["metadata"] = json.loads(metadata)
    return values


def _unwrap(body: bytes) -> bytes:
    """Return the JSON inside FastStream's envelope, or `body` if there is no envelope.

    Raises:
        ValueError: If an envelope is truncated, or its body is neither UTF-8 nor JSON.
    """
    if body.startswith(_BINARY_MAGIC):
        head = body[len(_BINARY_MAGIC) :]
        if len(head) < _BINARY_HEAD.size:
            raise ValueError("a truncated FastStream envelope")
        _version, _headers_at, data_at = _BINARY_HEAD.unpack_from(head)
        return body[data_at:]
    text = body.decode()  # names the byte that is not UTF-8, which pydantic's message does not
    if '"data"' in text:
        envelope = cast("object", json.loads(text))
        if isinstance(envelope, dict) and isinstance(data := cast("dict[str, object]", envelope).get("data"), str):
            return data.encode()
    return body
