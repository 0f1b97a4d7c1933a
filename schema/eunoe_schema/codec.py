"""Between a stream entry's fields and the models of the contract. Decoding never raises: it returns a refusal.

Understood are the canonical form (one field `__data__` with JSON), FastStream's binary and JSON envelopes inside that
field, and flat fields (`XADD ... tenant_id ... role user content ...`), so that any language and any FastStream
application can publish.
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

# FastStream's BinaryMessageFormatV1: magic, version, offsets of headers and data, headers, data; all big-endian.
_BINARY_MAGIC = b"\x89BIN\r\n\x1a\n"
_BINARY_HEAD = struct.Struct(">HII")


@dataclass(frozen=True)
class Refusal:
    """Why an entry is not an event.

    Attributes:
        reason: A sentence for the dead letter; it quotes what was found, which may be a user's words.
        summary: The same without any value, for a log.
    """

    reason: str
    summary: str


def encode(model: BaseModel) -> bytes:
    """Return the canonical JSON of a model, without what is absent."""
    return model.model_dump_json(exclude_none=True).encode()


def decode(fields: Mapping[bytes, bytes], model: type[ModelT]) -> ModelT | Refusal:
    """Decode an entry's fields.

    Args:
        fields: Field names and values as Redis returns them.
        model: The model that the stream carries.

    Returns:
        The validated model, or why there is none. Never raises for what is in `fields`.
    """
    body = fields.get(DATA_FIELD.encode())
    try:
        if body is None:
            return model.model_validate(_flat(fields))
        return model.model_validate_json(_unwrap(body))
    except ValidationError as error:
        places = {str(item["loc"][0]) if item["loc"] else "event" for item in error.errors(include_url=False)}
        known = sorted(places & model.model_fields.keys()) or ["event"]  # an unknown field's name is the sender's
        return Refusal(describe(error), f"invalid: {', '.join(known)}")
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError among them
        return Refusal(f"not decodable: {error}", f"not decodable: {type(error).__name__}")


def decode_message(fields: Mapping[bytes, bytes], *, max_content_chars: int) -> MessageEvent | Refusal:
    """Decode a message event and check it against the limits that are settings."""
    event = decode(fields, MessageEvent)
    if isinstance(event, Refusal):
        return event
    reason = oversized(event, max_content_chars=max_content_chars)
    return Refusal(reason, "content is too long") if reason else event


def oversized(event: MessageEvent, *, max_content_chars: int) -> str | None:
    """Return why `event` is larger than the settings allow, or None; the one place that says so."""
    if len(event.content) <= max_content_chars:
        return None
    return (
        f"content: {len(event.content)} characters; at most {max_content_chars} are allowed: "
        "split the message or raise max_content_chars (EUNOE_MAX_CONTENT_CHARS for consumers)"
    )


def _flat(fields: Mapping[bytes, bytes]) -> dict[str, object]:
    """Return flat fields as the model's input; `metadata` alone is JSON in itself."""
    values: dict[str, object] = {name.decode(): value.decode() for name, value in fields.items()}
    if isinstance(metadata := values.get("metadata"), str):
        values["metadata"] = json.loads(metadata)
    return values


def _unwrap(body: bytes) -> bytes:
    """Take FastStream's envelope off, where there is one.

    Raises:
        ValueError: If an envelope is truncated, or its body is neither UTF-8 nor JSON.
    """
    if body.startswith(_BINARY_MAGIC):
        head = body[len(_BINARY_MAGIC) :]
        if len(head) < _BINARY_HEAD.size:
            msg = "a truncated FastStream envelope"
            raise ValueError(msg)
        _version, _headers_at, data_at = _BINARY_HEAD.unpack_from(head)
        return body[data_at:]
    text = body.decode()  # says which byte is not UTF-8; pydantic would only say that there is one
    if '"data"' in text:
        envelope = cast("object", json.loads(text))
        if isinstance(envelope, dict) and isinstance(data := cast("dict[str, object]", envelope).get("data"), str):
            return data.encode()
    return body
