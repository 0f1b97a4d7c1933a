"""The registry of requests: it is complete, its kinds are unique, and each kind comes through the wire unchanged."""

import json
import pkgutil
import subprocess
import sys
from typing import Any, Literal, TypeVar, assert_type, cast
from uuid import UUID

import pytest

from eunoe_schema import memory
from eunoe_schema.codec import encode
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory.base import (
    Request,
    Result,
    ScopedRequest,
    decode_request,
    request_kinds,
    request_model,
    request_models,
    result_models,
)
from eunoe_schema.memory.memory import MemoryResult
from eunoe_schema.memory.read import GetRequest
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.streams import DATA_FIELD
from eunoe_tests.contract_examples import example_requests

ResultT = TypeVar("ResultT", bound=Result)
_ID = "33333333-3333-4333-8333-333333333333"
_AT = "2026-05-03T09:20:00Z"
_OWNER = {"agent_id": _ID, "user_id": "ada"}
_MEMORY: dict[str, Any] = {
    "id": _ID,
    "user_id": "ada",
    "tier": "personal",
    "category": "factual",
    "source": "extracted",
    "status": "active",
    "content": "Tea.",
    "content_hash": "0",
    "confidence": 0.8,
    "usefulness": 0.5,
    "metadata": {"a": [1, None]},
    "tags": ["t"],
    "version": 1,
    "retrieval_count": 0,
    "created_at": _AT,
    "updated_at": _AT,
    "has_embedding": True,
}
_COLLECTION = {
    "id": _ID,
    "type": "t",
    "name": "n",
    "members": 1,
    "version": 1,
    "created_at": _AT,
    "updated_at": _AT,
}
_SESSION: dict[str, Any] = {
    **_OWNER,
    "session_id": "s",
    "metadata": {},
    "opened_at": _AT,
    "messages": 1,
    "close_reason": "idle",
}
_CHECKPOINT = {"id": _ID, "session_id": "s", "state_bytes": 2, "created_at": _AT}
_DIRECTIVE = {
    "id": _ID,
    "agent_id": _ID,
    "name": "n",
    "content": "Be brief.",
    "ordinal": 1,
    "version": 1,
    "created_at": _AT,
    "updated_at": _AT,
}
_RELATION = {"from_id": _ID, "type": "supports", "to_id": _ID}

RESULTS: dict[str, dict[str, Any]] = {
    "remembered": {
        "remembered": [{"memory": _MEMORY, "created": True, "candidates": [{"memory": _MEMORY, "cosine": 0.9}]}]
    },
    "memory": {"memory": _MEMORY},
    "history": {"memory": _MEMORY, "versions": [], "replaced": [_ID]},
    "page": {"memories": [_MEMORY], "cursor": "c"},
    "found": {"found": [{"memory": _MEMORY, "distance": 0.1}]},
    "replaced": {"memory": _MEMORY, "created": True, "replaced": [_MEMORY]},
    "purged": {"memory_id": _ID},
    "used": {"memories": 1},
    "consolidation_groups": {"groups": [{"memories": [_MEMORY], "min_cosine": 0.5}]},
    "admin_found": {"found": [{"memory": _MEMORY}], "cursor": "c"},
    "relation": {"relation": _RELATION, "changed": True},
    "walk": {"reached": [{"memory": _MEMORY, "depth": 1}], "relations": [_RELATION], "complete": False},
    "collection": {"collection": _COLLECTION},
    "collections": {"collections": [_COLLECTION], "cursor": "c"},
    "collection_deleted": {"collection_id": _ID},
    "session": {"session": _SESSION},
    "sessions": {"sessions": [_SESSION], "cursor": "c"},
    "checkpoint_saved": {"checkpoint": _CHECKPOINT},
    "checkpoint": {"checkpoint": {**_CHECKPOINT, "state": {"step": 1}}},
    "checkpoints": {"checkpoints": [_CHECKPOINT], "cursor": "c"},
    "directive": {"directive": _DIRECTIVE},
    "directives": {"directives": [_DIRECTIVE]},
    "directive_removed": {"directive_id": _ID},
}


def test_importing_the_package_registers_every_request() -> None:
    """A module with requests that the package forgets to import would be unknown to the codec."""
    modules = [found.name for found in pkgutil.iter_modules(memory.__path__, f"{memory.__name__}.")]
    script = f"""
import importlib
import eunoe_schema.memory.base as base
kinds = base.request_kinds()
for name in {modules!r}:
    importlib.import_module(name)
assert base.request_kinds() == kinds, set(base.request_kinds()) - set(kinds)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_each_kind_has_one_model() -> None:
    """Five transitions share a model; every other model has a kind of its own."""
    assert len(request_kinds()) == len(request_models()) + 4
    assert request_model("get") is GetRequest
    assert GetRequest.result_model() is MemoryResult
    with pytest.raises(InvalidEvent, match=r"no request of the kind 'nonsense'; the kinds are .*remember"):
        request_model("nonsense")


def test_the_type_checker_pairs_a_request_with_its_result() -> None:
    """`client.ask(request)` has the type of the result without a second argument or a cast."""

    def answered(request: Request[ResultT]) -> type[ResultT]:
        return type(request).result_model()

    request = GetRequest(request_id="r", reply_to="c", tenant_id=UUID(_ID), user_id="ada", memory_id=UUID(_ID))
    assert_type(answered(request), type[MemoryResult])
    assert answered(request) is MemoryResult


def test_a_second_request_of_the_same_kind_fails_at_import() -> None:
    """Two requests of one kind could not be told apart on the stream."""
    with pytest.raises(TypeError, match="GetRequest has the kind 'get' already"):

        class Another(ScopedRequest[MemoryResult]):  # pyright: ignore[reportUnusedClass]
            kind: Literal["get"] = "get"

    with pytest.raises(TypeError, match="names no result"):

        class Unanswered(Request):  # pyright: ignore[reportUnusedClass, reportMissingTypeArgument]
            kind: Literal["unanswered"] = "unanswered"

    assert "unanswered" not in request_kinds()
    assert request_model("get") is GetRequest


def test_every_request_comes_through_the_stream_unchanged() -> None:
    """Encoding and decoding restore the model and every value, for each kind."""
    seen: set[str] = set()
    for request in example_requests():
        decoded = decode_request({DATA_FIELD.encode(): encode(request)})
        assert decoded == request
        assert isinstance(decoded, Request)
        seen.add(str(decoded.kind))
    shared = {"archive", "restore", "approve", "reject", "forget"}  # one model: one of them stands for all
    assert seen | shared == set(request_kinds())


def test_every_result_comes_through_the_reply_unchanged() -> None:
    """The kind finds the model, the JSON that comes out is the JSON that went in, and unknown members are ignored."""
    models = {str(model.model_fields["kind"].default): model for model in result_models()}
    assert models.keys() == RESULTS.keys()
    for kind, members in RESULTS.items():
        sent = {"request_id": "r", "result": {"kind": kind, **members}}
        reply = MemoryReply.model_validate_json(json.dumps(sent))
        assert type(reply.result) is models[kind]
        # `None` is left out on the wire, within free JSON too.
        assert json.loads(encode(reply)) == _without_none(sent)
        newer = {"request_id": "r", "result": {"kind": kind, **members, "later": 1}, "later": 1}
        assert MemoryReply.model_validate_json(json.dumps(newer)) == reply


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: _without_none(inner) for name, inner in members.items() if inner is not None}
    return value
