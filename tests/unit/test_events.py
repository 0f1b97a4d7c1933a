"""Message events: which values the contract accepts, and the reasons for which it refuses others."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from eunoe_schema import MessageEvent, Scope
from eunoe_schema.codec import decode, encode
from eunoe_schema.streams import DATA_FIELD
from eunoe_schema.text import is_blank
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


def test_a_minimal_event_gets_defaults() -> None:
    """Ids, role and content are enough. Other members are None, and the version is the current one."""
    event = made()
    assert event.scope == Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada")
    absent = (event.session_id, event.thread_id, event.channel, event.speaker, event.occurred_at)
    assert absent == (None,) * 5
    assert (event.metadata, event.schema_version) == ({}, 1)


@pytest.mark.parametrize("field", ["event_id", "tenant_id", "agent_id", "user_id", "role", "content"])
def test_a_missing_field_is_named(field: str) -> None:
    """The reason names the missing field and nothing else."""
    given = made().model_dump(exclude={field})
    with pytest.raises(ValidationError) as caught:
        MessageEvent.model_validate(given)
    assert describe(caught.value) == f"{field}: Field required"


@pytest.mark.parametrize("field", TEXTS)
def test_a_nul_character_is_refused_with_its_index(field: str) -> None:
    """PostgreSQL cannot store NUL, so the reason says where the first one is."""
    assert reason(**{field: "ab\x00c\x00"}).startswith(
        f"{field}: contains the NUL character at index 2, which PostgreSQL cannot store"
    )


@pytest.mark.parametrize("field", TEXTS)
def test_a_lone_surrogate_is_refused(field: str) -> None:
    """A lone surrogate cannot be encoded, so the event is refused before anything is sent."""
    assert reason(**{field: "ab\ud800"}).startswith(f"{field}: ")


@pytest.mark.parametrize("field", TEXTS)
def test_an_empty_text_is_refused(field: str) -> None:
    """A text is either absent or not empty."""
    refused = reason(**{field: ""})
    assert refused.startswith(f"{field}: ")
    assert "at least 1 " in refused


@pytest.mark.parametrize(("field", "chars"), [*((name, 256) for name in NAMES), ("session_id", 300)])
def test_names_have_a_maximum_length(field: str, chars: int) -> None:
    """The limit counts characters, not bytes."""
    assert getattr(made(**{field: "é" * chars}), field) == "é" * chars
    refused = reason(**{field: "é" * (chars + 1)})
    assert refused.startswith(f"{field}: ")
    assert f"at most {chars} " in refused


def test_any_other_text_passes_unchanged() -> None:
    """White space, control characters, emoji and colons are neither trimmed nor changed."""
    text = " \t\x01\x7f\r\n'\"\\;-- \U0001f600 a:b %3A \ufffe\u202e "
    event = made(content=text, user_id=text, event_id=text)
    assert (event.content, event.user_id, event.event_id) == (text, text, text)


BLANKS = [
    " ",
    "\t\r\n\v\f \u00a0\u2003\u3000\u2028",
    "\x01\x1b\x7f\x85\x9f",
    "\u200b\u200c\u200d\u2060",
    "\ufeff",
    "\u00ad",
    "\u3164",
    "\u115f\u1160\uffa0",
    "\u2800\u2800",
    "\ufe0f",
    "\U000e0100",
    "\U000e0041\U000e0062\U000e007f",
    "\u202e\u2067\u061c",
    "\u034f\u180e",
    "\U0001d159",
    "\u17b4\u17b5",
]
VISIBLE = [
    ".",
    "\u200bx",
    "\u2764\ufe0f",
    "\U0001f468\u200d\U0001f469",
    "\u0301",
    "\u06dd",
    "\u0e31",
    "\u2801",
    "\u1100",
    "\uf8ff",
    "\ufffc",
    "\ufffd",
    "\U0001fae8",  # an emoji that this Python's tables do not have
    "\U0001f1e6",
]


@pytest.mark.parametrize("content", BLANKS)
def test_a_content_without_a_visible_character_is_refused(content: str) -> None:
    """Some providers refuse a prompt with such a message. The reason says what to do."""
    assert reason(content=content).startswith("content: holds nothing but white space or invisible characters: write ")
    assert is_blank("".join(BLANKS))


@pytest.mark.parametrize("content", VISIBLE)
def test_a_content_with_a_visible_character_passes(content: str) -> None:
    """A single sign is enough, in any script, with or without invisible characters around it."""
    for text in (content, f" \n\ufeff{content}\u200b "):
        assert made(content=text).content == text


@pytest.mark.parametrize("role", ["system", "User", "", None, 1])
def test_only_user_and_assistant_are_roles(role: object) -> None:
    """Other roles are refused."""
    assert reason(role=role).startswith("role: Input should be 'user' or 'assistant'")


@pytest.mark.parametrize("field", ["tenant_id", "agent_id"])
def test_ids_of_tenant_and_agent_are_uuids(field: str) -> None:
    """Keys and rows begin with these ids, so other values are refused."""
    assert reason(**{field: "acme"}).startswith(f"{field}: Input should be a valid UUID")


def test_unknown_fields_are_refused() -> None:
    """A misspelled field is an error at the gateway, not a lost value."""
    assert reason(thread="t1") == "thread: Extra inputs are not permitted (got 't1')"


def test_events_are_immutable() -> None:
    """A validated event stays valid."""
    event = made()
    with pytest.raises(ValidationError):
        event.content = "\x00"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_size_of_metadata_counts_bytes_of_json() -> None:
    """16 KiB are accepted, one byte more is refused, and a two-byte character counts as two."""
    frame = len('{"a": ""}')
    assert made(metadata={"a": "x" * (16_384 - frame)})
    assert f"is {16_384 + 1} bytes of JSON; at most {16_384} are allowed" in reason(
        metadata={"a": "x" * (16_384 - frame + 1)}
    )
    assert "bytes of JSON" in reason(metadata={"a": "é" * (16_384 // 2)})


def test_the_size_of_metadata_counts_numbers_in_full() -> None:
    """PostgreSQL writes 1e308 as 309 digits, so it counts as 309 bytes."""
    assert made(metadata={"a": [1e308] * 50}).metadata == {"a": [1e308] * 50}
    assert f"at most {16_384} are allowed" in reason(metadata={"a": [1e308] * 60})
    assert f"at most {16_384} are allowed" in reason(metadata={"a": [1e-308] * 60})
    assert made(metadata={"a": [0.25] * 2_000})


def test_metadata_has_a_maximum_depth() -> None:
    """32 levels of objects or lists are accepted, 33 are refused."""
    assert made(metadata=nested(32)).metadata == nested(32)
    assert "metadata: nests deeper than 32 levels" in reason(metadata=nested(32 + 1))
    lists: Any = 1
    for _ in range(32):
        lists = [lists]
    assert "nests deeper than 32 levels" in reason(metadata={"a": lists})


def test_extremely_deep_metadata_is_refused() -> None:
    """Extreme depth gives a reason, not a stack overflow."""
    assert reason(metadata=nested(5_000)).startswith("metadata")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_metadata_with_nan_or_infinity_is_refused(value: float) -> None:
    """JSON has neither NaN nor infinity, at any depth."""
    assert "metadata: is not JSON" in reason(metadata={"a": [{"b": value}]})


@pytest.mark.parametrize("metadata", [{"a": "\x00"}, {"\x00": 1}, {"a": ["\ud800"]}, {"\udfff": 1}])
def test_metadata_that_jsonb_cannot_store_is_refused(metadata: dict[str, object]) -> None:
    """A NUL or a lone surrogate in a key or a value is refused before PostgreSQL sees it."""
    assert "contains a NUL character or a lone surrogate, which jsonb cannot store" in reason(metadata=metadata)


def test_metadata_may_contain_an_escaped_nul_as_text() -> None:
    """The six characters of the escape sequence are ordinary text."""
    assert made(metadata={"log": r"an escaped \u0000 in a text"}).metadata == {"log": r"an escaped \u0000 in a text"}


@pytest.mark.parametrize("value", [10**4_299, -(10**4_299), 1.7976931348623157e308, 5e-324, -0.0, 2**64])
def test_metadata_keeps_all_numbers_of_json(value: float) -> None:
    """The largest, smallest and longest numbers are not changed on the stream."""
    event = made(metadata={"a": value})
    assert decode({DATA_FIELD.encode(): encode(event)}, MessageEvent) == event


@pytest.mark.parametrize("field", [*MessageEvent.model_fields, "unknown"])
def test_a_number_that_cannot_be_written_out_is_refused(field: str) -> None:
    """Python refuses to write more than 4,300 digits. That gives a reason, not a ValueError."""
    refused = reason(**{field: 10**5_000})
    assert refused.startswith(f"{field}: ")
    assert "(got " in refused


def test_metadata_with_a_number_that_cannot_be_written_out_is_refused() -> None:
    """The same holds inside metadata, at any depth."""
    assert "metadata: is not JSON: " in reason(metadata={"a": [{"b": 10**5_000}]})


@pytest.mark.parametrize("metadata", [[], "{}", 1, None, {"a": object()}, {1: "a"}])
def test_metadata_is_a_json_object(metadata: object) -> None:
    """Keys are text, and values are JSON."""
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
def test_times_are_converted_to_utc(given: object, tokyo: None) -> None:
    """A time without a zone is taken as UTC. Other zones are converted."""
    assert tokyo is None
    moment = made(occurred_at=given).occurred_at
    assert moment == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("given", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-05:00"])
def test_times_outside_the_calendar_are_refused(given: str) -> None:
    """A zone that moves a time out of the years 1 to 9999 gives a reason, not an OverflowError."""
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
def test_times_at_the_ends_of_the_calendar_are_kept(given: str, moment: datetime) -> None:
    """All times between the first and the last moment of the calendar are not changed on the stream."""
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
def test_the_first_and_last_moment_of_the_calendar_are_refused(given: object) -> None:
    """Some languages send them for a time that was never set, and asyncpg stores them as infinity."""
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
def test_values_that_are_no_time_are_refused(given: object) -> None:
    """Impossible dates and numbers that are no seconds since 1970 get a reason."""
    assert reason(occurred_at=given).startswith("occurred_at: Input should be a valid datetime")


@pytest.mark.parametrize("version", [1, "1"])
def test_the_version_may_be_a_number_or_text(version: object) -> None:
    """Flat fields contain only text, so "1" is version 1."""
    assert made(schema_version=version).schema_version == 1


@pytest.mark.parametrize("version", [0, 2, "2", "", None, "one", [], {}])
def test_an_unknown_version_is_refused_with_a_solution(version: object) -> None:
    """The reason names the version that is understood, and what to do."""
    assert reason(schema_version=version) == (
        "schema_version: this Eunoe understands schema_version 1; "
        f"upgrade the consumers or publish that version (got {version!r})"
    )
