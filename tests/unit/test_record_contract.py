"""The contract of collections, relations, sessions, checkpoints and directives: refusals, and the order of requests."""

from typing import Any, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from eunoe_schema.memory.base import Result, ScopedRequest
from eunoe_schema.memory.checkpoints import LoadCheckpointRequest, SaveCheckpointRequest
from eunoe_schema.memory.collections import AddMembersRequest, GetCollectionRequest, UpdateCollectionRequest
from eunoe_schema.memory.directives import ListDirectivesRequest, OrderDirectivesRequest, SetDirectiveRequest
from eunoe_schema.memory.relations import RelateRequest, WalkRequest
from eunoe_schema.memory.remember import RememberRequest
from eunoe_schema.memory.sessions import CloseSessionRequest, GetSessionRequest, ListSessionsRequest
from eunoe_schema.validation import describe
from eunoe_tests.contract_examples import example_requests

RequestT = TypeVar("RequestT", bound=ScopedRequest[Result])
TENANT, AGENT, ONE, OTHER = (UUID(int=number) for number in range(1, 5))
OF_BOTH: dict[str, Any] = {
    "request_id": "r",
    "reply_to": "c",
    "tenant_id": TENANT,
    "agent_id": AGENT,
    "user_id": "ada",
}


def without(name: str) -> dict[str, Any]:
    """Return the members of a request without one of them."""
    return {key: value for key, value in OF_BOTH.items() if key != name}


def made(model: type[RequestT], **fields: object) -> RequestT:
    """Return a request in the scope of an agent with a user."""
    return model.model_validate(OF_BOTH | fields)


def deep(levels: int) -> dict[str, Any]:
    """Return an object that nests `levels` deep."""
    return {"a": deep(levels - 1)} if levels > 1 else {"a": 1}


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        (RelateRequest, {**OF_BOTH, "from_id": ONE, "type": "supports", "to_id": ONE}, "not related to itself"),
        (RelateRequest, {**OF_BOTH, "from_id": ONE, "type": "likes", "to_id": OTHER}, "type"),
        (WalkRequest, {**OF_BOTH, "memory_id": ONE, "depth": 11}, "depth"),
        (UpdateCollectionRequest, {**OF_BOTH, "collection_id": ONE}, "nothing to update"),
        (AddMembersRequest, {**OF_BOTH, "collection_id": ONE, "memory_ids": [ONE] * 101}, "memory_ids"),
        (GetSessionRequest, {**without("agent_id"), "session_id": "s"}, "a session belongs to an agent"),
        (GetSessionRequest, {**OF_BOTH, "session_id": "s" * 301}, "session_id"),
        (ListSessionsRequest, without("user_id"), "a session belongs to an agent"),
        (
            SaveCheckpointRequest,
            {**without("user_id"), "session_id": "s", "state": {}},
            "a session belongs to an agent",
        ),
        (SaveCheckpointRequest, {**OF_BOTH, "session_id": "s", "state": deep(40)}, "nests deeper than 32 levels"),
        (SaveCheckpointRequest, {**OF_BOTH, "session_id": "s", "state": {"a": "x" * 262_144}}, "at most 262144"),
        (SaveCheckpointRequest, {**OF_BOTH, "session_id": "s", "state": {"a\x00": 1}}, "NUL character"),
        (SetDirectiveRequest, {**without("agent_id"), "name": "n", "content": "c"}, "a directive belongs to an agent"),
        (SetDirectiveRequest, {**OF_BOTH, "name": "n", "content": " "}, "nothing but white space"),
        (SetDirectiveRequest, {**OF_BOTH, "name": "\u200b", "content": "c"}, "name: holds nothing but white space"),
        (RememberRequest, {**OF_BOTH, "memories": [{"content": "\u3164\ufeff"}]}, "memories.0.content: holds nothing"),
        (RememberRequest, {**OF_BOTH, "memories": [{"content": "c", "tags": ["\u2800"]}]}, "tags.0: holds nothing"),
        (OrderDirectivesRequest, {**OF_BOTH, "names": ["a", "a"]}, "a name twice"),
        (ListDirectivesRequest, without("agent_id"), "a directive belongs to an agent"),
    ],
)
def test_a_request_that_breaks_the_contract_is_refused(
    model: type[BaseModel], fields: dict[str, Any], message: str
) -> None:
    """The contract has the bounds of the database, and its message names the mistake."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    assert message in describe(caught.value)


def test_requests_on_the_same_object_are_done_in_order() -> None:
    """A read sees the changes before it on the stream. Requests on other objects do not wait for each other."""
    save = made(SaveCheckpointRequest, session_id="s", state={})
    for model in (LoadCheckpointRequest, GetSessionRequest, CloseSessionRequest):
        assert made(model, session_id="s").touches == save.touches
    for another in ({"session_id": "t"}, {"user_id": "eve"}, {"tenant_id": AGENT}):
        assert save.touches.isdisjoint(made(GetSessionRequest, **{"session_id": "s", **another}).touches)
    members = made(AddMembersRequest, collection_id=ONE, memory_ids=[OTHER])
    assert made(GetCollectionRequest, collection_id=ONE).touches < members.touches
    relate = made(RelateRequest, from_id=ONE, type="supports", to_id=OTHER)
    assert made(WalkRequest, memory_id=OTHER).touches < relate.touches
    wide, narrow = [made(SetDirectiveRequest, user_id=user, name="n", content="c") for user in (None, "ada")]
    assert wide.touches.isdisjoint(narrow.touches)
    assert made(ListDirectivesRequest).touches == wide.touches | narrow.touches


def test_reads_change_nothing() -> None:
    """Replies to reads are not kept, and a late read is dropped. A late change is made."""
    reads = ("get", "list", "count", "load", "walk", "search", "history", "admin_search", "consolidation_groups")
    for request in example_requests():
        assert request.changes != request.kind.startswith(reads), request.kind
