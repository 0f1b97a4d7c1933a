"""The codec: it understands every form of an event, and gives a reason for everything else."""

import json
from typing import Any
from uuid import UUID

import pytest
from fast_depends.pydantic import PydanticSerializer
from faststream.redis.parser import BinaryMessageFormatV1
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from eunoe_schema import MessageEvent, RecallRequest
from eunoe_schema.codec import Refusal, decode, decode_message, encode, oversized
from eunoe_schema.recall import ReplyAddress
from eunoe_schema.validation import describe

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
AGENT = UUID("a0000000-0000-4000-8000-000000000001")
EVENT = MessageEvent(
    event_id="e1",
    tenant_id=TENANT,
    agent_id=AGENT,
    user_id="@ada:example.org",
    role="user",
    content='naïve "data" \U0001f600\n',
    channel="matrix",
    metadata={"data": {"deep": [1, None, "é"]}},
)
FLAT = {
    b"event_id": b"e1",
    b"tenant_id": str(TENANT).encode(),
    b"agent_id": str(AGENT).encode(),
    b"user_id": b"@ada:example.org",
    b"role": b"user",
    b"content": EVENT.content.encode(),
    b"channel": b"matrix",
    b"metadata": json.dumps(EVENT.metadata).encode(),
    b"schema_version": b"1",
}
FIELDS = [*(name.encode() for name in MessageEvent.model_fields), b"query", b"__data__"]
MAGIC = BinaryMessageFormatV1.IDENTITY_HEADER


def body(data: bytes) -> dict[bytes, bytes]:
    """Return an entry with one field."""
    return {b"__data__": data}


def reason_of(fields: dict[bytes, bytes]) -> str:
    """Return why fields are no event."""
    refusal = decode(fields, MessageEvent)
    assert isinstance(refusal, Refusal)
    return refusal.reason


async def enveloped(message: Any) -> bytes:
    """Return what a FastStream application puts on a stream."""
    return await BinaryMessageFormatV1.encode(
        message=message,
        reply_to="replies",
        headers={"x-trace": "1"},
        correlation_id="c" * 40,
        serializer=PydanticSerializer(),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    fields=st.dictionaries(st.sampled_from(FIELDS) | st.binary(), st.binary(), max_size=6),
    model=st.sampled_from([MessageEvent, RecallRequest, ReplyAddress]),
)
def test_arbitrary_bytes_never_raise(fields: dict[bytes, bytes], model: type[BaseModel]) -> None:
    """Decoding returns a model or a reason. An exception would stop the worker."""
    assert isinstance(decode(fields, model), (model, Refusal))


@given(data=st.binary(), head=st.sampled_from([b"", MAGIC, MAGIC + b"\x00\x01", b'{"data":', b'{"event_id":']))
def test_broken_bodies_never_raise(data: bytes, head: bytes) -> None:
    """A body that begins like a known form and continues with garbage gets a reason."""
    assert isinstance(decode(body(head + data), MessageEvent), Refusal)


@given(field=st.sampled_from(sorted(MessageEvent.model_fields)), value=json_values)
def test_arbitrary_json_in_a_field_never_raises(field: str, value: object) -> None:
    """Any JSON in one field of a valid event is accepted or gets a reason."""
    event = {**json.loads(encode(EVENT)), field: value}
    assert isinstance(decode(body(json.dumps(event).encode()), MessageEvent), MessageEvent | Refusal)


@pytest.mark.parametrize("version", ["[]", "{}", '{"a": [1]}'])
def test_a_version_of_any_type_never_raises(version: str) -> None:
    """A version that is a list or an object is refused like any unknown version."""
    data = encode(EVENT).replace(b'"schema_version":1', b'"schema_version":' + version.encode())
    assert "schema_version: " in reason_of(body(data))


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"data":' * 100_000,
        b'{"data":1' + b"0" * 5_000 + b"}",
        rb'{"data":"\ud800"}',
        rb'{"content":"\ud800"}',
        b"",
        b"null",
        b"\xef\xbb\xbf{}",
    ],
)
def test_hostile_json_is_refused(data: bytes) -> None:
    """Extreme depth, extremely long numbers, lone surrogates and invalid JSON get a reason."""
    assert reason_of(body(data))


def test_canonical_json_restores_the_event() -> None:
    """Encoding leaves out members that are None, and keeps null inside metadata."""
    assert decode(body(encode(EVENT)), MessageEvent) == EVENT
    written = json.loads(encode(EVENT))
    assert {"session_id", "thread_id", "speaker", "occurred_at"}.isdisjoint(written)
    assert written["metadata"] == {"data": {"deep": [1, None, "é"]}}


async def test_faststreams_binary_envelope_is_understood() -> None:
    """The output of the encoder of FastStream is decoded, whatever its headers contain."""
    assert decode(body(await enveloped(EVENT)), MessageEvent) == EVENT
    assert decode(body(await enveloped(EVENT.model_dump(mode="json"))), MessageEvent) == EVENT
    assert decode(body(await enveloped(encode(EVENT))), MessageEvent) == EVENT


async def test_a_truncated_binary_envelope_is_refused() -> None:
    """No prefix of an envelope is taken as an event, and none raises."""
    whole = await enveloped(EVENT)
    for length in range(len(whole)):
        assert isinstance(decode(body(whole[:length]), MessageEvent), Refusal)
    assert reason_of(body(whole[:12])) == "not decodable: a truncated FastStream envelope"


def test_faststreams_json_envelope_is_understood() -> None:
    """The older envelope, {"data": text, "headers": {...}}, is decoded, too."""
    envelope = json.dumps({"data": encode(EVENT).decode(), "headers": {"correlation_id": "c"}}).encode()
    assert BinaryMessageFormatV1.parse(envelope)[0] == encode(EVENT)
    assert decode(body(envelope), MessageEvent) == EVENT


def test_flat_fields_are_understood() -> None:
    """XADD with plain fields, and metadata as JSON text, gives the same event."""
    assert decode(FLAT, MessageEvent) == EVENT


def test_invalid_flat_fields_get_a_reason() -> None:
    """Bytes that are no text, metadata that is no JSON, and missing fields each have a reason."""
    assert reason_of({**FLAT, b"content": b"ab\xff"}).startswith("not decodable: 'utf-8' codec can't decode byte 0xff")
    assert reason_of({**FLAT, b"\xff": b"x"}).startswith("not decodable: 'utf-8' codec can't decode byte 0xff")
    assert reason_of({**FLAT, b"metadata": b"{"}).startswith("not decodable: Expecting property name")
    assert reason_of({**FLAT, b"metadata": b"[1]"}).startswith("metadata: Input should be a valid object")
    assert reason_of({**FLAT, b"metadata": b'{"a": NaN}'}).startswith("metadata: is not JSON")
    assert reason_of({}).startswith("event_id: Field required; tenant_id: Field required")


def test_a_body_that_is_not_utf8_gets_a_reason_with_the_byte() -> None:
    """The dead letter says which byte is wrong, and where."""
    assert reason_of(body(b'{"content": "\xff"}')) == (
        "not decodable: 'utf-8' codec can't decode byte 0xff in position 13: invalid start byte"
    )


def test_broken_json_gets_a_reason_with_the_position() -> None:
    """The dead letter says where the JSON is broken, and does not repeat it."""
    assert reason_of(body(b'{"event_id": }')) == "event: Invalid JSON: expected value at line 1 column 14"


def test_a_reason_names_field_problem_and_value() -> None:
    """Three problems are shown in full, the others are counted. A missing field has no value."""
    with pytest.raises(ValidationError) as caught:
        MessageEvent.model_validate({"role": "bot", "tenant_id": 7, "user_id": "ada", "x": 1, "content": ""})
    assert caught.value.error_count() == 6
    assert describe(caught.value) == (
        "event_id: Field required; "
        "tenant_id: UUID input should be a string, bytes or UUID object (got 7); "
        "agent_id: Field required; and 3 more"
    )


def test_a_problem_inside_metadata_is_named_by_its_path() -> None:
    """The path leads to the wrong value."""
    with pytest.raises(ValidationError) as caught:
        MessageEvent.model_validate({**EVENT.model_dump(), "metadata": {"a": {1, 2}}})
    assert describe(caught.value) == "metadata.a: input was not a valid JSON value (got {1, 2})"


def test_long_values_are_shortened() -> None:
    """A reason shows at most 80 characters of a value."""
    shown = reason_of({**FLAT, b"role": b"x" * 10_000})
    assert shown == f"role: Input should be 'user' or 'assistant' (got '{'x' * 79}...)"
    assert reason_of({**FLAT, b"role": b"x" * 78}).endswith(f"(got '{'x' * 78}')")


def test_content_beyond_the_setting_is_refused_with_a_solution() -> None:
    """The setting counts characters. Gateway and consumers give the same reason."""
    chars = len(EVENT.content)
    assert oversized(EVENT, max_content_chars=chars) is None
    assert decode_message(body(encode(EVENT)), max_content_chars=chars) == EVENT
    reason = oversized(EVENT, max_content_chars=chars - 1)
    assert reason == (
        f"content: {chars} characters; at most {chars - 1} are allowed: "
        "split the message or raise max_content_chars (EUNOE_MAX_CONTENT_CHARS for consumers)"
    )
    assert decode_message(body(encode(EVENT)), max_content_chars=chars - 1) == Refusal(
        reason or "", "content is too long"
    )


def test_decode_message_returns_other_refusals_unchanged() -> None:
    """An entry that is no event is refused for that reason, not for its length."""
    assert decode_message(body(b"null"), max_content_chars=1) == decode(body(b"null"), MessageEvent)


@pytest.mark.parametrize(
    "data",
    [
        {"text": "my PIN is 4711"},
        {"content": "my PIN is 4711\x00"},
        {"metadata": {"note": "my PIN is 4711\x00"}},
        {"my PIN is 4711": 1},
    ],
)
def test_a_summary_contains_no_words_of_a_user(data: dict[str, object]) -> None:
    """A log names only fields of the contract. The dead letter contains the values."""
    refusal = decode(body(json.dumps(data).encode()), MessageEvent)
    assert isinstance(refusal, Refusal)
    assert refusal.summary.startswith("invalid: ")
    assert "4711" not in refusal.summary
