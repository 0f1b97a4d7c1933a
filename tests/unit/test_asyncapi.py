"""The AsyncAPI document: fresh, well-formed, in agreement with the models it was made from."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import typer
import yaml
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from eunoe_consumers.asyncapi import document, render
from eunoe_consumers.cli.asyncapi import asyncapi
from eunoe_schema.events import MessageEvent
from eunoe_schema.memory.base import request_models
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply, RecallRequest

_COMMITTED = Path(__file__).parents[2] / "asyncapi.yaml"
_MODELS: dict[str, type[BaseModel]] = {
    "messageEvent": MessageEvent,
    "recallRequest": RecallRequest,
    "recallReply": RecallReply,
    **{model.__name__[0].lower() + model.__name__[1:]: model for model in request_models()},
    "memoryReply": MemoryReply,
}
# AsyncAPI 3.0.0, by the name of what holds the object: the members it must have, and those it may have besides.
_MEMBERS: dict[str, tuple[set[str], set[str]]] = {
    "document": (
        {"asyncapi", "info"},
        {"id", "servers", "defaultContentType", "channels", "operations", "components"},
    ),
    "info": (
        {"title", "version"},
        {"description", "termsOfService", "contact", "license", "tags", "externalDocs"},
    ),
    "server": (
        {"host", "protocol"},
        {"protocolVersion", "pathname", "description", "title", "summary", "variables", "security", "tags", "bindings"},
    ),
    "channel": (
        {"address", "messages"},
        {"title", "summary", "description", "servers", "parameters", "tags", "externalDocs", "bindings"},
    ),
    "operation": (
        {"action", "channel"},
        {"title", "summary", "description", "security", "tags", "bindings", "traits", "messages", "reply"},
    ),
    "reply": (set(), {"address", "channel", "messages"}),
    "message": (
        {"payload"},
        {"headers", "correlationId", "contentType", "name", "title", "summary", "description", "tags", "examples"},
    ),
    "example": (set(), {"headers", "payload", "name", "summary"}),
}


def _resolve(whole: dict[str, Any], reference: str) -> None:
    """Fail where a reference within the document points at nothing, or at a reference that does."""
    assert reference.startswith("#/"), reference
    place: Any = whole
    for part in reference.removeprefix("#/").split("/"):
        assert part in place, f"{reference}: there is no {part!r}"
        place = place[part]
    if "$ref" in place:
        _resolve(whole, place["$ref"])


def _references(node: Any) -> Iterator[str]:
    """Yield every reference below `node`, and insist that nothing stands beside it."""
    if isinstance(node, dict):
        members = cast("dict[str, Any]", node)
        if "$ref" in members:
            assert members.keys() == {"$ref"}, members
            yield members["$ref"]
        for member in members.values():
            yield from _references(member)
    elif isinstance(node, list):
        for member in cast("list[Any]", node):
            yield from _references(member)


def _objects(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a document whose members AsyncAPI prescribes."""
    yield "document", whole
    yield "info", whole["info"]
    yield from (("server", server) for server in whole["servers"].values())
    yield from (("channel", channel) for channel in whole["channels"].values())
    for operation in whole["operations"].values():
        yield "operation", operation
        yield from [("reply", operation["reply"])] if "reply" in operation else []
    for message in whole["components"]["messages"].values():
        yield "message", message
        yield from (("example", example) for example in message["examples"])


def _schema(name: str) -> dict[str, Any]:
    """Return a message's payload as a schema that stands alone."""
    whole: dict[str, Any] = document()
    return {**whole["components"]["messages"][name]["payload"], "components": whole["components"]}


def _follows_schema(name: str, payload: Any) -> bool:
    # AsyncAPI's schemas are those of draft 7. Every format is checked: UUIDs are part of the promise.
    return jsonschema.Draft7Validator(_schema(name), format_checker=jsonschema.FormatChecker()).is_valid(payload)


def test_the_committed_document_is_fresh() -> None:
    """`asyncapi.yaml` says what the models say: `eunoe asyncapi > asyncapi.yaml` mends it."""
    assert _COMMITTED.read_text(encoding="utf-8") == render()


def test_the_yaml_holds_the_document() -> None:
    """Nothing changes its type or its text on the way through YAML: entry ids, versions, times stay text."""
    assert yaml.safe_load(render()) == document()


def test_the_document_is_the_same_in_every_process() -> None:
    """Its order does not hang on hashes, which differ from process to process."""
    command = [sys.executable, "-m", "eunoe_consumers.asyncapi"]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, encoding="utf-8")
        assert made.stdout == render()


def test_the_command_prints_it() -> None:
    """`eunoe asyncapi` gives the YAML, with --json the same as one JSON document."""
    app = typer.Typer()
    app.command()(asyncapi)
    assert CliRunner().invoke(app, []).stdout == render()
    assert json.loads(CliRunner().invoke(app, ["--json"]).stdout) == document()


def test_every_reference_resolves() -> None:
    """No reference leaves the document or points at nothing, and none hides what stands beside it."""
    whole: dict[str, Any] = document()
    references = list(_references(whole))
    assert len(references) > 10
    for reference in references:
        _resolve(whole, reference)


def test_objects_have_the_members_that_asyncapi_prescribes() -> None:
    """What AsyncAPI 3 requires is there; what it does not know is marked `x-`."""
    whole: dict[str, Any] = document()
    assert whole["asyncapi"] == "3.0.0"
    for kind, found in _objects(whole):
        required, optional = _MEMBERS[kind]
        assert required <= found.keys(), (kind, found)
        unknown = {name for name in found if not name.startswith("x-")} - required - optional
        assert not unknown, (kind, unknown)


def test_operations_speak_of_messages_of_their_channels() -> None:
    """An operation and its reply name messages that the channel beside them carries, as references to the channel."""
    whole: dict[str, Any] = document()
    assert {name: operation["action"] for name, operation in whole["operations"].items()} == {
        "takeMessage": "receive",
        "answerRecall": "receive",
        "curateMemory": "receive",
    }
    for operation in whole["operations"].values():
        for place in [operation, *([operation["reply"]] if "reply" in operation else [])]:
            channel = place["channel"]["$ref"]
            _resolve(whole, channel)
            assert place["messages"]
            for message in place["messages"]:
                assert message["$ref"].startswith(f"{channel}/messages/")


def test_the_reply_channel_is_a_template_whose_parameter_is_described() -> None:
    """A client can make its channel's name from the document; a fixed reply address would contradict the template."""
    whole: dict[str, Any] = document()
    for channel in whole["channels"].values():
        for parameter in channel.get("parameters", {}):
            assert f"{{{parameter}}}" in channel["address"]
    assert whole["channels"]["replies"]["address"].format(client="x") == "eunoe:reply:x"
    assert "address" not in whole["operations"]["answerRecall"]["reply"]
    assert [whole["channels"][name]["address"] for name in ("messages", "recall", "memory")] == [
        "eunoe:messages",
        "eunoe:recall",
        "eunoe:memory",
    ]


@pytest.mark.parametrize("name", _MODELS)
def test_examples_follow_the_schema_and_the_model(name: str) -> None:
    """Every example can be sent as it stands."""
    whole: dict[str, Any] = document()
    examples = whole["components"]["messages"][name]["examples"]
    assert len(examples) >= 2
    for example in examples:
        _MODELS[name].model_validate_json(json.dumps(example["payload"]))
        assert _follows_schema(name, example["payload"]), example["name"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("messageEvent", {"role": "system"}),
        ("messageEvent", {"content": ""}),
        ("messageEvent", {"user_id": "u" * 257}),
        ("messageEvent", {"tenant_id": "acme"}),
        ("messageEvent", {"schema_version": 2}),
        ("messageEvent", {"colour": "red"}),
        ("messageEvent", {"metadata": []}),
        ("recallRequest", {"top_k": 101}),
        ("recallRequest", {"window": -1}),
        ("recallRequest", {"min_cosine": 1.5}),
        ("recallRequest", {"deadline_seconds": 0}),
        ("recallRequest", {"deadline_seconds": 61}),
        ("recallRequest", {"after": "yesterday"}),
        ("recallRequest", {"exclude": ["e"] * 101}),
        ("recallRequest", {"query": "q" * 8_193}),
        ("recallRequest", {"question": "?"}),
        ("rememberRequest", {"memories": []}),
        ("rememberRequest", {"memories": [{"content": "x", "tier": "eternal"}]}),
        ("rememberRequest", {"kind": "get"}),
        ("listRequest", {"limit": 201}),
        ("listRequest", {"filter": {"colour": "red"}}),
        ("searchRequest", {"min_cosine": 2}),
        ("reviseRequest", {"version": 0}),
        ("mergeRequest", {"memory_ids": ["33333333-3333-4333-8333-333333333333"]}),
        ("transitionRequest", {"kind": "promote"}),
        ("tagRequest", {"tags": []}),
        ("walkRequest", {"depth": 11}),
        ("createCollectionRequest", {"type": "x" * 51}),
        ("addMembersRequest", {"memory_ids": []}),
        ("openSessionRequest", {"session_id": ""}),
        ("saveCheckpointRequest", {"state": []}),
        ("orderDirectivesRequest", {"names": []}),
    ],
)
def test_what_the_model_refuses_the_schema_refuses(name: str, change: dict[str, object]) -> None:
    """A publisher that checks its payloads against the document learns of a mistake before Redis does."""
    whole: dict[str, Any] = document()
    payload = whole["components"]["messages"][name]["examples"][0]["payload"] | change
    with pytest.raises(ValidationError):
        _MODELS[name].model_validate_json(json.dumps(payload))
    assert not _follows_schema(name, payload)


@pytest.mark.parametrize("name", ["messageEvent", "recallRequest", "tagRequest", "searchRequest"])
def test_a_missing_member_is_missed_by_both(name: str) -> None:
    """The document and the model require the same members."""
    whole: dict[str, Any] = document()
    payload: dict[str, object] = whole["components"]["messages"][name]["examples"][0]["payload"]
    required = {field for field, info in _MODELS[name].model_fields.items() if info.is_required()}
    for member in payload:
        without = {key: value for key, value in payload.items() if key != member}
        assert _follows_schema(name, without) == (member not in required), member


def test_every_member_is_described() -> None:
    """What a member means is in the document, not only in Python's docstrings."""
    whole: dict[str, Any] = document()
    plain = {"MissingPart", "RecallReply"}  # their members explain themselves
    for name, schema in whole["components"]["schemas"].items():
        assert schema["description"], name
        for member, value in schema.get("properties", {}).items():
            assert name in plain or value.get("description"), (name, member)
