"""The contract of curated memory: what is refused before it reaches a stream, and what two spellings have in common."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from eunoe_consumers.memories.handlers import HANDLERS
from eunoe_schema import Scope
from eunoe_schema.codec import Refusal, encode
from eunoe_schema.memory import MemoryScope, NewMemory, content_hash
from eunoe_schema.memory.base import decode_request, request_kinds, request_models
from eunoe_schema.memory.change import MergeRequest, ReviseRequest, TransitionRequest
from eunoe_schema.memory.read import GetRequest
from eunoe_schema.memory.remember import RememberRequest
from eunoe_schema.streams import DATA_FIELD

TENANT, AGENT, MEMORY = UUID(int=1), UUID(int=2), UUID(int=3)
ENVELOPE: dict[str, Any] = {"request_id": "r", "reply_to": "c", "tenant_id": TENANT, "user_id": "ada"}


def test_a_scope_is_an_agent_s_a_user_s_or_both() -> None:
    """A memory of nobody is refused; a conversation's scope is that of both."""
    MemoryScope(tenant_id=TENANT, agent_id=AGENT)
    MemoryScope(tenant_id=TENANT, user_id="ada")
    with pytest.raises(ValidationError, match="agent_id or user_id must be given"):
        MemoryScope(tenant_id=TENANT)
    scope = MemoryScope.of(Scope(tenant_id=TENANT, agent_id=AGENT, user_id="ada"))
    assert (scope.agent_id, scope.user_id) == (AGENT, "ada")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ada likes tea", "  ada\tLIKES \n tea ", True),
        ("Café", "Cafe\u0301", True),
        ("Straße", "STRASSE", True),
        ("\u1e9e", "ss", True),
        ("Ada likes tea", "Ada likes tea.", False),
        ("a b", "ab", False),
    ],
)
def test_the_hash_is_of_what_two_spellings_have_in_common(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """NFC, case folding, white space folding, and nothing else; 64 hexadecimal digits."""
    assert (content_hash(one) == content_hash(other)) is same
    assert len(content_hash(one)) == 64


@given(st.text(min_size=1))
def test_the_hash_is_the_same_for_what_it_was_made_from(content: str) -> None:
    """Folding twice changes nothing, so that a content read back is known again."""
    spaced = f"\n {content}\t"
    assert content_hash(spaced) == content_hash(content)
    assert content_hash(content.casefold().casefold()) == content_hash(content.casefold())


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
def test_a_new_memory_outside_its_bounds_is_refused(fields: dict[str, Any]) -> None:
    """Bounds are those of the database, so that no row is refused there."""
    with pytest.raises(ValidationError):
        NewMemory.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to revise"),
        ({"expires_at": "2030-01-01T00:00:00Z", "never_expires": True}, "contradict each other"),
    ],
)
def test_a_revision_must_say_what_changes(fields: dict[str, Any], message: str) -> None:
    """An empty revision, or one that contradicts itself, is a mistake."""
    with pytest.raises(ValidationError, match=message):
        ReviseRequest.model_validate(ENVELOPE | {"memory_id": MEMORY} | fields)


def test_merging_takes_several_memories() -> None:
    """One alone, or one twice, is no merging."""
    merged = {"content": "x"}
    for ids in ([MEMORY], [MEMORY, MEMORY]):
        with pytest.raises(ValidationError):
            MergeRequest.model_validate(ENVELOPE | {"memory_ids": ids, "merged": merged})


def test_every_request_has_a_handler_and_kinds_are_told_apart() -> None:
    """The union, its kinds and the table of handlers are of the same requests."""
    assert HANDLERS.keys() == set(request_models())
    assert len(request_kinds()) == len(request_models()) + 4  # five transitions share a model


def test_decoding_tells_the_kinds_apart_and_never_raises() -> None:
    """A request comes back as what it was; anything else is a refusal with a reason that names no value in a log."""

    def fields(body: str) -> dict[bytes, bytes]:
        return {DATA_FIELD.encode(): body.encode()}

    request = TransitionRequest.model_validate(ENVELOPE | {"kind": "archive", "memory_id": MEMORY})
    assert decode_request(fields(encode(request).decode())) == request
    for body in ("", "{", "[]", "{}", '{"kind": "remember"}', '{"kind": ["x"]}', json.dumps({"kind": "secret words"})):
        refusal = decode_request(fields(body))
        assert isinstance(refusal, Refusal)
        assert "secret" not in refusal.summary


def test_requests_of_one_memory_touch_the_same_thing() -> None:
    """What must be done in order shares a name; another tenant's memory of the same id does not."""
    get = GetRequest.model_validate(ENVELOPE | {"memory_id": MEMORY})
    revise = ReviseRequest.model_validate(ENVELOPE | {"memory_id": MEMORY, "content": "x"})
    elsewhere = GetRequest.model_validate(ENVELOPE | {"memory_id": MEMORY, "tenant_id": AGENT})
    assert get.touches == revise.touches
    assert get.touches.isdisjoint(elsewhere.touches)
    one, other = (
        RememberRequest.model_validate(ENVELOPE | {"memories": [{"content": text}]}) for text in ("Tea.", " tea. ")
    )
    assert one.touches == other.touches
    assert not get.changes
    assert revise.changes
    assert revise.texts == ("x",)
