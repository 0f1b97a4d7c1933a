"""The message event: what the contract takes, and what it refuses with a reason that says where and why."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from eunoe_schema import MessageEvent, Scope
from eunoe_schema.codec import decode, encode
from eunoe_schema.events import METADATA_BYTES, METADATA_DEPTH
from eunoe_schema.streams import DATA_FIELD
from eunoe_schema.text import NAME_CHARS, SESSION_CHARS
from eunoe_schema.validation import describe

TENANT = UUID("b0000000-0000-4000-8000-000000000001")
AGENT = UUID("a0000000-0000-4000-8000-000000000001")
NAMES = ["event_id", "user_id", "thread_id", "channel", "speaker"]
FIRST = datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC)
TEXTS = [*NAMES, "content", "session_id"]


def made(**fields: object) -> MessageEvent:
    """Validate an event as a gateway's caller would hand it over."""
    given = {"event_id": "e1", "tenant_id": str(TENANT), "agent_id": str(AGENT), "user_id": "ada", "role": "user"}
    return MessageEvent.model_validate({**given, "content": "hello", **fields})


def reason(**fields: object) -> str:
    """Return why an event is refused."""
    with pytest.raises(ValidationError) as caught:
        made(**fields)
    return describe(caught.value)


def nested(depth: int) -> dict[str, Any]:
    """Return metadata of so many levels, its own and the innermost value's included."""
    value: Any = 1
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_the_least_event_has_defaults_for_the_rest() -> None:
    """Five ids and a text make an event; what is absent stays absent, and the version is the current one."""
    event = made()
    assert event.scope == Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")
    absent = (event.session_id, event.thread_id, event.channel, event.speaker, event.occurred_at)
    assert absent == (None,) * 5
    assert (event.metadata, event.schema_version) == ({}, 1)


@pytest.mark.parametrize("field", ["event_id", "tenant_id", "agent_id", "user_id", "role", "content"])
def test_what_an_event_needs_is_asked_for_by_name(field: str) -> None:
    """An event without a field that it needs is refused, and the reason names the field alone."""
    given = made().model_dump(exclude={field})
    with pytest.raises(ValidationError) as caught:
        MessageEvent.model_validate(given)
    assert describe(caught.value) == f"{field}: Field required"


@pytest.mark.parametrize("field", TEXTS)
def test_a_nul_is_refused_with_its_index(field: str) -> None:
    """PostgreSQL cannot store NUL: every text says where the first one stands."""
    assert reason(**{field: "ab\x00c\x00"}).startswith(
        f"{field}: contains the NUL character at index 2, which PostgreSQL cannot store"
    )


@pytest.mark.parametrize("field", TEXTS)
def test_a_lone_surrogate_is_refused(field: str) -> None:
    """Half a character can neither be sent nor stored: the event is refused before it is encoded."""
    assert reason(**{field: "ab\ud800"}).startswith(f"{field}: ")


@pytest.mark.parametrize("field", TEXTS)
def test_an_empty_text_is_refused(field: str) -> None:
    """An empty text says nothing and names nobody: absent is None."""
    refused = reason(**{field: ""})
    assert refused.startswith(f"{field}: ")
    assert "at least 1 " in refused


@pytest.mark.parametrize(("field", "chars"), [*((name, NAME_CHARS) for name in NAMES), ("session_id", SESSION_CHARS)])
def test_names_have_a_greatest_length(field: str, chars: int) -> None:
    """A name may be as long as its limit, in characters and not bytes, and no longer."""
    assert getattr(made(**{field: "é" * chars}), field) == "é" * chars
    refused = reason(**{field: "é" * (chars + 1)})
    assert refused.startswith(f"{field}: ")
    assert f"at most {chars} " in refused


def test_the_limits_are_the_documented_ones() -> None:
    """What the documentation promises of lengths and sizes is what the contract holds."""
    assert (NAME_CHARS, SESSION_CHARS, METADATA_BYTES, METADATA_DEPTH) == (256, 300, 16_384, 32)


def test_any_other_text_passes_unchanged() -> None:
    """Blanks, control characters, emoji and colons come through as they were written: nothing is trimmed."""
    text = " \t\x01\x7f\r\n'\"\\;-- \U0001f600 a:b %3A \ufffe\u202e "
    event = made(content=text, user_id=text, event_id=text)
    assert (event.content, event.user_id, event.event_id) == (text, text, text)


@pytest.mark.parametrize("role", ["system", "User", "", None, 1])
def test_roles_are_two(role: object) -> None:
    """Only users and assistants write messages."""
    assert reason(role=role).startswith("role: Input should be 'user' or 'assistant'")


@pytest.mark.parametrize("field", ["tenant_id", "agent_id"])
def test_ids_of_tenant_and_agent_are_uuids(field: str) -> None:
    """Keys and rows begin with UUIDs: nothing else passes for one."""
    assert reason(**{field: "acme"}).startswith(f"{field}: Input should be a valid UUID")


def test_unknown_fields_are_refused() -> None:
    """A misspelled field is an error at the edge, not a value that is silently lost."""
    assert reason(thread="t1") == "thread: Extra inputs are not permitted (got 't1')"


def test_events_cannot_be_changed() -> None:
    """What was validated stays as it was validated."""
    event = made()
    with pytest.raises(ValidationError):
        event.content = "\x00"  # pyright: ignore[reportAttributeAccessIssue]


def test_metadata_is_measured_in_bytes_of_json() -> None:
    """16 KiB fit and one byte more does not; a character of two bytes counts for two."""
    frame = len('{"a": ""}')
    assert made(metadata={"a": "x" * (METADATA_BYTES - frame)})
    assert f"is {METADATA_BYTES + 1} bytes of JSON; at most {METADATA_BYTES} are allowed" in reason(
        metadata={"a": "x" * (METADATA_BYTES - frame + 1)}
    )
    assert "bytes of JSON" in reason(metadata={"a": "é" * (METADATA_BYTES // 2)})


def test_metadata_is_measured_with_its_numbers_written_out() -> None:
    """As they come back: what takes five bytes on the way in would take 309 in every reply."""
    assert made(metadata={"a": [1e308] * 50}).metadata == {"a": [1e308] * 50}
    assert f"at most {METADATA_BYTES} are allowed" in reason(metadata={"a": [1e308] * 60})
    assert f"at most {METADATA_BYTES} are allowed" in reason(metadata={"a": [1e-308] * 60})
    assert made(metadata={"a": [0.25] * 2_000})


def test_metadata_has_a_greatest_depth() -> None:
    """32 levels fit, 33 do not, whether of objects or lists."""
    assert made(metadata=nested(METADATA_DEPTH)).metadata == nested(METADATA_DEPTH)
    assert "metadata: nests deeper than 32 levels" in reason(metadata=nested(METADATA_DEPTH + 1))
    lists: Any = 1
    for _ in range(METADATA_DEPTH):
        lists = [lists]
    assert "nests deeper than 32 levels" in reason(metadata={"a": lists})


def test_metadata_of_hostile_depth_is_refused() -> None:
    """Metadata that is far too deep costs no stack: it is refused with a reason like any other."""
    assert reason(metadata=nested(5_000)).startswith("metadata")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_metadata_holds_no_number_that_json_lacks(value: float) -> None:
    """NaN and the infinities are no JSON, however deep they hide."""
    assert "metadata: is not JSON" in reason(metadata={"a": [{"b": value}]})


@pytest.mark.parametrize("metadata", [{"a": "\x00"}, {"\x00": 1}, {"a": ["\ud800"]}, {"\udfff": 1}])
def test_metadata_holds_only_what_jsonb_can_store(metadata: dict[str, object]) -> None:
    """A NUL or a lone surrogate in a key or a value is refused at the edge, not by PostgreSQL."""
    assert "contains a NUL character or a lone surrogate, which jsonb cannot store" in reason(metadata=metadata)


def test_metadata_may_speak_of_a_nul() -> None:
    """The six characters of an escape are text like any other, which jsonb stores: a quoted log line is no NUL."""
    assert made(metadata={"log": r"an escaped \u0000 in a text"}).metadata == {"log": r"an escaped \u0000 in a text"}


@pytest.mark.parametrize("value", [10**4_299, -(10**4_299), 1.7976931348623157e308, 5e-324, -0.0, 2**64])
def test_metadata_keeps_the_numbers_that_json_has(value: float) -> None:
    """The largest, the smallest and the longest numbers come through the stream as they went."""
    event = made(metadata={"a": value})
    assert decode({DATA_FIELD.encode(): encode(event)}, MessageEvent) == event


@pytest.mark.parametrize("field", [*MessageEvent.model_fields, "unknown"])
def test_a_number_that_cannot_be_written_out_is_refused(field: str) -> None:
    """Python writes out no more than 4,300 digits: a longer number is a refusal like any other, never a ValueError."""
    refused = reason(**{field: 10**5_000})
    assert refused.startswith(f"{field}: ")
    assert "(got " in refused


def test_metadata_with_a_number_that_cannot_be_written_out_is_refused() -> None:
    """The same inside metadata, however deep."""
    assert "metadata: is not JSON: " in reason(metadata={"a": [{"b": 10**5_000}]})


@pytest.mark.parametrize("metadata", [[], "{}", 1, None, {"a": object()}, {1: "a"}])
def test_metadata_is_a_json_object(metadata: object) -> None:
    """Metadata is an object with text for keys and JSON for values."""
    assert reason(metadata=metadata).startswith("metadata")


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own zone is not UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    "given",
    [
        "2024-03-01T12:00:00",
        "2024-03-01T12:00:00Z",
        "2024-03-01T14:00:00+02:00",
        datetime(2024, 3, 1, 12),  # noqa: DTZ001 - without a zone on purpose
        datetime(2024, 3, 1, 7, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_moments_are_in_utc(given: object, tokyo: None) -> None:
    """A moment without a zone is taken for UTC, wherever the gateway stands; any other is turned into UTC."""
    assert tokyo is None
    moment = made(occurred_at=given).occurred_at
    assert moment == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("given", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00"])
def test_moments_outside_the_calendar_are_refused(given: str) -> None:
    """A zone that pushes a moment out of the years 1 to 9999 is a refusal, never an OverflowError."""
    assert "occurred_at: lies outside the years 1 to 9999 in UTC" in reason(occurred_at=given)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("0001-01-01T00:00:00.000001Z", FIRST),
        ("0001-01-01T00:00:00.000001", FIRST),
        ("0001-01-01T14:00:00.000001+14:00", FIRST),
        ("9999-12-31T23:59:59.999998", LAST),
        ("9999-12-31T18:59:59.999998-05:00", LAST),
    ],
)
def test_moments_may_be_nearly_as_early_and_as_late_as_the_calendar(given: str, moment: datetime) -> None:
    """What lies between the first and the last moment of the calendar comes through the stream as it went."""
    event = made(occurred_at=given)
    assert event.occurred_at == moment
    assert decode({DATA_FIELD.encode(): encode(event)}, MessageEvent) == event


@pytest.mark.parametrize(
    "given",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "0001-01-01T05:00:00+05:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T22:59:59.999999-01:00",
        datetime.min.replace(tzinfo=UTC),
    ],
)
def test_a_time_that_was_never_set_is_refused(given: object) -> None:
    """The ends of the calendar stand for no time in some languages, and for infinity in the database's driver."""
    assert "is the first or last moment of the calendar: leave it out" in reason(occurred_at=given)


@pytest.mark.parametrize(
    "given",
    [
        "0000-12-31T23:59:59Z",
        "-4712-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2023-02-29T12:00:00Z",
        "2024-12-31T23:59:60Z",
        "yesterday",
        1e20,
        -1e20,
        10**400,
        float("nan"),
        float("inf"),
        True,
    ],
)
def test_what_is_no_moment_is_refused(given: object) -> None:
    """A day or second that the calendar lacks, and numbers that are no seconds since 1970, say so."""
    assert reason(occurred_at=given).startswith("occurred_at: Input should be a valid datetime")


@pytest.mark.parametrize("version", [1, "1"])
def test_the_version_may_be_a_number_or_its_text(version: object) -> None:
    """Flat fields carry text only: '1' is version 1."""
    assert made(schema_version=version).schema_version == 1


@pytest.mark.parametrize("version", [0, 2, "2", "", None, "one", [], {}])
def test_another_version_is_refused_with_what_to_do(version: object) -> None:
    """Whoever publishes another version, of whatever type, learns which one is understood here and what to do."""
    assert reason(schema_version=version) == (
        "schema_version: this Eunoe understands schema_version 1; "
        f"upgrade the consumers or publish that version (got {version!r})"
    )
