"""The contract of curated memory: what it refuses, which contents are the same, and which requests wait for others."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eunoe_consumers.memories.executor import HANDLERS
from eunoe_schema import Scope
from eunoe_schema.codec import Refusal, encode
from eunoe_schema.memory import MemoryScope, NewMemory, content_hash
from eunoe_schema.memory.base import decode_request, request_models
from eunoe_schema.memory.change import MergeRequest, ReviseRequest, TransitionRequest
from eunoe_schema.memory.read import GetRequest
from eunoe_schema.memory.remember import RememberRequest
from eunoe_schema.streams import DATA_FIELD

TENANT, AGENT, MEMORY = UUID(int=1), UUID(int=2), UUID(int=3)
ENVELOPE: dict[str, Any] = {"request_id": "r", "reply_to": "c", "tenant_id": TENANT, "user_id": "ada"}


def test_a_memory_scope_names_an_agent_a_user_or_both() -> None:
    """A scope without an owner is refused. The scope of a conversation names both."""
    MemoryScope(tenant_id=TENANT, agent_id=AGENT)
    MemoryScope(tenant_id=TENANT, user_id="ada")
    with pytest.raises(ValidationError, match="agent_id or user_id must be given"):
        MemoryScope(tenant_id=TENANT)
    scope = MemoryScope.of(Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada"))
    assert (scope.agent_id, scope.user_id) == (AGENT, "ada")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Café", "Cafe\u0301", True),
        ("Ada likes tea", "\n \t\nAda likes tea \r\n", True),
        ("if x:\n    y()\n", "\nif x:\n    y()", True),
        ("The Wi-Fi password is kX9aBq.", "The Wi-Fi password is Kx9AbQ.", False),
        ("Ada has a meeting with US.", "Ada has a meeting with us.", False),
        ("if x:\n    y()\n    z()", "if x:\n    y()\nz()", False),
        ("    y()\nz()", "y()\nz()", False),
        ("a  b", "a b", False),
        ("a\tb", "a b", False),
        ("Straße", "STRASSE", False),
        ("Maße", "Masse", False),
        ("x²", "x2", False),
        ("\uff21", "A", False),
        ("Ada likes tea", "Ada likes tea.", False),
    ],
)
def test_the_content_hash_tells_every_spelling_apart(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """Only canonically equal texts are the same, and blank lines before and white space behind them do not count."""
    assert (content_hash(one) == content_hash(other)) is same
    assert len(content_hash(one)) == 64


@given(st.text(min_size=1))
def test_the_content_hash_ignores_blank_edges(content: str) -> None:
    """A text that an editor or a model ends with a line break is confirmed, and not stored again."""
    assert content_hash(f"\n \t\n{content}\t\n") == content_hash(content)


@pytest.mark.parametrize(
    "fields",
    [
        {"content": ""},
        {"content": "x" * 8_193},
        {"content": " \n\t"},
        {"content": "a\x00b"},
        {"content": "x", "confidence": 1.1},
        {"content": "x", "tier": "eternal"},
        {"content": "x", "category": "x"},
        {"content": "x", "source": "x"},
        {"content": "x", "tags": ["t"] * 51},
        {"content": "x", "tags": [""]},
        {"content": "x", "tags": ["t" * 101]},
        {"content": "x", "metadata": {"a": "x" * 20_000}},
        {"content": "x", "colour": "red"},
    ],
)
def test_a_new_memory_out_of_bounds_is_refused(fields: dict[str, Any]) -> None:
    """The contract has the bounds of the database, so that the database refuses no memory."""
    with pytest.raises(ValidationError):
        NewMemory.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to revise"),
        ({"expires_at": "2030-01-01T00:00:00Z", "never_expires": True}, "contradict each other"),
    ],
)
def test_a_revision_must_change_something(fields: dict[str, Any], message: str) -> None:
    """A revision that is empty or contradicts itself is refused."""
    with pytest.raises(ValidationError, match=message):
        ReviseRequest.model_validate(ENVELOPE | {"memory_id": MEMORY} | fields)


def test_a_merge_needs_several_memories() -> None:
    """A single memory, or the same memory twice, is refused."""
    merged = {"content": "x"}
    for ids in ([MEMORY], [MEMORY, MEMORY]):
        with pytest.raises(ValidationError):
            MergeRequest.model_validate(ENVELOPE | {"memory_ids": ids, "merged": merged})


def test_every_request_has_a_handler() -> None:
    """A request without a handler would fail when it arrives."""
    missing = set(request_models()) - HANDLERS.keys()
    assert not missing, "add @handles(...), and name a new file in FEATURES (memories/executor.py)"
    assert HANDLERS.keys() <= set(request_models())


def test_decoding_returns_the_request_or_a_refusal() -> None:
    """Decoding never raises, and the summary for the log quotes no value."""

    def fields(body: str) -> dict[bytes, bytes]:
        return {DATA_FIELD.encode(): body.encode()}

    request = TransitionRequest.model_validate(ENVELOPE | {"kind": "archive", "memory_id": MEMORY})
    assert decode_request(fields(encode(request).decode())) == request
    for body in ("", "{", "[]", "{}", '{"kind": "remember"}', '{"kind": ["x"]}', json.dumps({"kind": "secret words"})):
        refusal = decode_request(fields(body))
        assert isinstance(refusal, Refusal)
        assert "secret" not in refusal.summary


def test_requests_on_the_same_memory_are_done_in_order() -> None:
    """They share a name in `touches`. A memory of another tenant with the same id has another name."""
    get = GetRequest.model_validate(ENVELOPE | {"memory_id": MEMORY})
    revise = ReviseRequest.model_validate(ENVELOPE | {"memory_id": MEMORY, "content": "x"})
    elsewhere = GetRequest.model_validate(ENVELOPE | {"memory_id": MEMORY, "tenant_id": AGENT})
    assert get.touches == revise.touches
    assert get.touches.isdisjoint(elsewhere.touches)
    one, other = (
        RememberRequest.model_validate(ENVELOPE | {"memories": [{"content": text}]}) for text in ("Tea.", "Tea.\n")
    )
    assert one.touches == other.touches
    assert not get.changes
    assert revise.changes
    assert revise.texts == ("x",)
