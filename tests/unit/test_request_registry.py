"""The registry of requests: it is complete, its kinds are unique, and each kind comes through the wire unchanged."""

import json
import pkgutil
import subprocess
import sys
from typing import Literal, TypeVar, assert_type
from uuid import UUID

import pytest

from eunoe_consumers.contract_document.examples import example
from eunoe_consumers.contract_document.schemas import schemas
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
    """The codec could not distinguish two requests of one kind on the stream."""
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
    shared = {"archive", "restore", "approve", "reject", "forget"}  # all five share a model, so one is enough
    assert seen | shared == set(request_kinds())


def test_every_result_comes_through_the_reply_unchanged() -> None:
    """The kind finds the model, the JSON that comes out is the JSON that went in, and unknown members are ignored."""
    models = result_models()
    assert len(models) > 1
    for model in models:
        sent = {"request_id": "r", "result": example(model.__name__, schemas())}
        reply = MemoryReply.model_validate_json(json.dumps(sent))
        assert type(reply.result) is model
        assert reply.model_dump(mode="json", exclude_unset=True) == sent
        assert MemoryReply.model_validate_json(encode(reply)) == reply
        newer = {"request_id": "r", "result": {**example(model.__name__, schemas()), "later": 1}, "later": 1}
        assert MemoryReply.model_validate_json(json.dumps(newer)) == reply


def test_free_json_comes_through_the_reply_unchanged() -> None:
    """Null stays in metadata, in lists and in objects, although absent members of a reply are left out."""
    metadata = {"a": [1, None], "b": {"c": None, "d": "e"}}
    memory = {**example("Memory", schemas()), "metadata": metadata}
    sent = {"request_id": "r", "result": {"kind": "memory", "memory": memory}}
    encoded = json.loads(encode(MemoryReply.model_validate_json(json.dumps(sent))))
    assert encoded["result"]["memory"]["metadata"] == metadata
    assert "problem" not in encoded
