"""The AsyncAPI document: fresh, valid by the official schema, and in agreement with the models."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import typer
import yaml
from pydantic import BaseModel, ValidationError
from typer.testing import CliRunner

from eunoe_consumers.cli.asyncapi import asyncapi
from eunoe_consumers.contract_document.document import document, render
from eunoe_schema.events import METADATA_BYTES, SCHEMA_VERSION, MessageEvent
from eunoe_schema.memory.base import request_models
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply, RecallRequest
from eunoe_schema.streams import DATA_FIELD, Group, Subject, dead_letters, reply_channel, stream

COMMITTED = Path(__file__).parents[2] / "asyncapi.yaml"
OFFICIAL_SCHEMA: dict[str, Any] = json.loads((Path(__file__).parent / "asyncapi-3.0.0.json").read_text("utf-8"))
DOCUMENT = document()
MODELS: dict[str, type[BaseModel]] = {
    "messageEvent": MessageEvent,
    "recallRequest": RecallRequest,
    "recallReply": RecallReply,
    **{model.__name__[0].lower() + model.__name__[1:]: model for model in request_models()},
    "memoryReply": MemoryReply,
}


def references(node: Any) -> Iterator[str]:
    """Yield every reference below `node`, and fail where something stands beside it, because it would be ignored."""
    if isinstance(node, dict):
        members = cast("dict[str, Any]", node)
        if "$ref" in members:
            assert members.keys() == {"$ref"}, members
            yield members["$ref"]
        for member in members.values():
            yield from references(member)
    elif isinstance(node, list):
        for member in cast("list[Any]", node):
            yield from references(member)


def resolve(reference: str) -> Any:
    """Return the object that a reference points at; fail if there is none."""
    place: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        assert part in place, f"{reference}: there is no {part!r}"
        place = place[part]
    return place


def example_of(name: str) -> dict[str, Any]:
    """Return the example of a message."""
    (example,) = DOCUMENT["components"]["messages"][name]["examples"]
    return example["payload"]


def follows_schema(name: str, payload: Any) -> bool:
    """Return whether a payload follows its schema, formats such as UUID included."""
    schema = {**DOCUMENT["components"]["messages"][name]["payload"], "components": DOCUMENT["components"]}
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker()).is_valid(payload)


def test_the_committed_document_is_fresh() -> None:
    """`asyncapi.yaml` is what the models say. `make docs` updates it."""
    assert COMMITTED.read_text(encoding="utf-8") == render()


def test_the_yaml_contains_the_document_unchanged() -> None:
    """No value changes its type in YAML: entry ids, versions and times stay text."""
    assert yaml.safe_load(render()) == DOCUMENT


def test_the_document_is_the_same_in_every_process() -> None:
    """The order does not depend on hashes, which differ between processes."""
    code = "from eunoe_consumers.contract_document.document import render; print(render(), end='')"
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert made.stdout.decode() == render()


def test_the_command_prints_the_document() -> None:
    """`eunoe asyncapi` prints YAML, and with --json the same document as JSON."""
    app = typer.Typer()
    app.command()(asyncapi)
    assert CliRunner().invoke(app, []).stdout == render()
    assert json.loads(CliRunner().invoke(app, ["--json"]).stdout) == DOCUMENT


def test_the_document_follows_the_official_schema() -> None:
    """The schema is AsyncAPI's own, and it does refuse what AsyncAPI does not know."""
    validator = jsonschema.Draft7Validator(OFFICIAL_SCHEMA)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    mistakes: list[Callable[[dict[str, Any]], object]] = [
        lambda broken: broken.pop("info"),
        lambda broken: broken["channels"]["recall"].update(unknown="x"),
        lambda broken: broken["operations"]["answerRecall"].update(action="take"),
        lambda broken: broken["components"]["messages"]["messageEvent"].update(payloads={}),
        lambda broken: broken["components"]["schemas"]["Turn"].update(properties=[]),
    ]
    for mistake in mistakes:
        broken = copy.deepcopy(DOCUMENT)
        mistake(broken)
        assert not validator.is_valid(broken)


def test_every_reference_resolves() -> None:
    """No reference leaves the document, points at nothing, or hides a member beside it."""
    found = list(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        assert reference.startswith("#/")
        resolve(reference)


def test_operations_name_messages_of_their_channels() -> None:
    """An operation and its reply refer to messages of the channel that they name."""
    assert DOCUMENT["operations"].keys() == {"takeMessage", "answerRecall", "curateMemory"}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] == "receive"
        for place in [operation, *([operation["reply"]] if "reply" in operation else [])]:
            assert place["messages"]
            for message in place["messages"]:
                assert message["$ref"].startswith(f"{place['channel']['$ref']}/messages/")


def test_the_reply_channel_is_a_template_with_a_described_parameter() -> None:
    """A client can make the name of its channel. A fixed reply address would contradict the template."""
    replies = DOCUMENT["channels"]["replies"]
    assert replies["address"].format(client="x") == "eunoe:reply:x"
    assert replies["parameters"].keys() == {"client"}
    assert replies["parameters"]["client"]["description"]
    for name in ("answerRecall", "curateMemory"):
        assert "address" not in DOCUMENT["operations"][name]["reply"]


def test_names_and_limits_are_those_of_the_code() -> None:
    """The hand-written part of the document names the real streams, channels, dead letters and limits."""
    channels = DOCUMENT["channels"]
    assert DOCUMENT["info"]["version"] == f"{SCHEMA_VERSION}.0.0"
    assert channels["replies"]["address"] == reply_channel("{client}")
    for subject in Subject:
        assert channels[subject]["address"] == stream(subject)
        assert channels[subject]["x-redis"]["field"] == DATA_FIELD
    text = render()
    assert all(f"`{dead_letters(group)}`" in text for group in (Group.WINDOW, Group.EMBED, Group.CURATE))
    assert f"{METADATA_BYTES:,} bytes" in text


def test_examples_follow_schema_and_model() -> None:
    """Every message has one example, and it can be sent unchanged."""
    assert DOCUMENT["components"]["messages"].keys() == MODELS.keys()
    for name, model in MODELS.items():
        model.model_validate_json(json.dumps(example_of(name)))
        assert follows_schema(name, example_of(name)), name


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
        ("recallRequest", {"query": "q" * 1_000_001}),
        ("recallRequest", {"question": "?"}),
        ("rememberRequest", {"memories": []}),
        ("rememberRequest", {"memories": [{"content": "x", "tier": "eternal"}]}),
        ("rememberRequest", {"kind": "get"}),
        ("rememberRequest", {"colour": "red"}),
        ("rememberRequest", {"user_id": "u" * 257}),
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
def test_schema_and_model_refuse_the_same_payloads(name: str, change: dict[str, object]) -> None:
    """A publisher that validates against the document finds a mistake before Redis gets it."""
    payload = example_of(name) | change
    with pytest.raises(ValidationError):
        MODELS[name].model_validate_json(json.dumps(payload))
    assert not follows_schema(name, payload)


def test_schema_and_model_require_the_same_members() -> None:
    """A payload without a member follows the schema exactly if the model does not require the member."""
    for name in MODELS.keys() - {"recallReply", "memoryReply"}:
        payload = example_of(name)
        required = {field for field, info in MODELS[name].model_fields.items() if info.is_required()}
        assert required <= payload.keys(), name
        for member in payload:
            without = {key: value for key, value in payload.items() if key != member}
            assert follows_schema(name, without) == (member not in required), (name, member)


def test_every_schema_and_member_is_described() -> None:
    """The document explains each member, so that nobody needs to read Python."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"], name
        for member, value in schema.get("properties", {}).items():
            assert value is True or value.get("description"), (name, member)
