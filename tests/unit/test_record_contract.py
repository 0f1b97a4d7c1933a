"""The contract of what surrounds memories: what is refused before it is sent, and what is done in order."""

from typing import Any, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from eunoe_consumers.asyncapi_records import RECORD_EXAMPLES
from eunoe_schema.codec import Refusal, encode
from eunoe_schema.memory.base import Result, ScopedRequest, decode_request
from eunoe_schema.memory.checkpoints import LoadCheckpointRequest, SaveCheckpointRequest
from eunoe_schema.memory.collections import AddMembersRequest, GetCollectionRequest, UpdateCollectionRequest
from eunoe_schema.memory.directives import ListDirectivesRequest, OrderDirectivesRequest, SetDirectiveRequest
from eunoe_schema.memory.relations import RelateRequest, WalkRequest
from eunoe_schema.memory.sessions import CloseSessionRequest, GetSessionRequest, ListSessionsRequest
from eunoe_schema.streams import DATA_FIELD

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
    """Return the envelope without a member."""
    return {key: value for key, value in OF_BOTH.items() if key != name}


def made(model: type[RequestT], **fields: object) -> RequestT:
    """Return a request of an agent with a user."""
    return model.model_validate(OF_BOTH | fields)


def deep(levels: int) -> dict[str, Any]:
    """Return an object with so many levels."""
    return {"a": deep(levels - 1)} if levels > 1 else {"a": 1}


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        (RelateRequest, {**OF_BOTH, "from_id": ONE, "type": "supports", "to_id": ONE}, "not related to itself"),
        (RelateRequest, {**OF_BOTH, "from_id": ONE, "type": "likes", "to_id": OTHER}, "type"),
        (WalkRequest, {**OF_BOTH, "memory_id": ONE, "depth": 11}, "depth"),
        (UpdateCollectionRequest, {**OF_BOTH, "collection_id": ONE}, "nothing to update"),
        (AddMembersRequest, {**OF_BOTH, "collection_id": ONE, "memory_ids": [ONE] * 101}, "memory_ids"),
        (GetSessionRequest, {**without("agent_id"), "session_id": "s"}, "an agent's with a user"),
        (GetSessionRequest, {**OF_BOTH, "session_id": "s" * 301}, "session_id"),
        (ListSessionsRequest, without("user_id"), "an agent's with a user"),
        (SaveCheckpointRequest, {**without("user_id"), "session_id": "s", "state": {}}, "an agent's with a user"),
        (SaveCheckpointRequest, {**OF_BOTH, "session_id": "s", "state": deep(40)}, "nests deeper than 32 levels"),
        (SaveCheckpointRequest, {**OF_BOTH, "session_id": "s", "state": {"a": "x" * 262_144}}, "at most 262144"),
        (SaveCheckpointRequest, {**OF_BOTH, "session_id": "s", "state": {"a\x00": 1}}, "NUL character"),
        (SetDirectiveRequest, {**without("agent_id"), "name": "n", "content": "c"}, "a directive is an agent's"),
        (SetDirectiveRequest, {**OF_BOTH, "name": "n", "content": " "}, "nothing but white space"),
        (OrderDirectivesRequest, {**OF_BOTH, "names": ["a", "a"]}, "a name twice"),
        (ListDirectivesRequest, without("agent_id"), "a directive is an agent's"),
    ],
)
def test_what_breaks_the_contract_is_refused(model: type[BaseModel], fields: dict[str, Any], message: str) -> None:
    """Bounds are those of the database, and a mistake is told in words."""
    with pytest.raises(ValidationError, match=message):
        model.model_validate(fields)


@pytest.mark.parametrize("name", RECORD_EXAMPLES)
def test_a_request_comes_through_the_stream_as_it_was(name: str) -> None:
    """Each kind is told from the others."""
    for request in RECORD_EXAMPLES[name].values():
        assert decode_request({DATA_FIELD.encode(): encode(request)}) == request


def test_requests_of_one_thing_touch_the_same() -> None:
    """A question after a change is answered with what the change made; what is another's need not wait."""
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


def test_questions_change_nothing() -> None:
    """They are not kept, and are dropped when nobody waits any more; changes are made all the same."""
    for request in (request for examples in RECORD_EXAMPLES.values() for request in examples.values()):
        decoded = decode_request({DATA_FIELD.encode(): encode(request)})
        assert not isinstance(decoded, Refusal)
        is_question = decoded.kind.startswith(("get", "list", "load", "walk"))
        assert decoded.changes != is_question
