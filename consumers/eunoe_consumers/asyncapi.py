"""The contract as an AsyncAPI 3.0 document, made from its models: what a publisher in any language goes by.

This is a small generator of our own. FastStream's (`faststream docs gen`) knows no models of replies, writes its
members in an order that changes from run to run, and puts the consumer's name, which is random, into the document: such
a document can neither be committed nor compared.
"""

import json
import re
import sys
from typing import cast

import yaml
from pydantic import JsonValue
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from eunoe_consumers.asyncapi_texts import EXAMPLES, TEXTS
from eunoe_schema.codec import encode
from eunoe_schema.events import SCHEMA_VERSION, MessageEvent
from eunoe_schema.recall import RecallReply, RecallRequest
from eunoe_schema.streams import DATA_FIELD, Subject, reply_channel, stream

Json = dict[str, JsonValue]

_SCHEMAS = "#/components/schemas/"
_HEADER = "# Made by `eunoe asyncapi > asyncapi.yaml` from the models in schema/eunoe_schema: change those, not this.\n"
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def document() -> Json:
    """Return the AsyncAPI document as plain values; the same for the same contract, wherever it is made."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Eunoe",
            "version": f"{SCHEMA_VERSION}.0.0",  # of the contract: the package's would make every release stale
            "description": TEXTS["info"],
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "{host}",
                "protocol": "redis",
                "description": TEXTS["server"],
                "variables": {"host": {"default": "localhost:6379", "description": "Host and port."}},
            }
        },
        "channels": {
            "messages": _stream(Subject.MESSAGES, "messageEvent"),
            "recall": _stream(Subject.RECALL, "recallRequest"),
            "replies": {
                "address": reply_channel("{client}"),
                "description": TEXTS["replies"],
                "parameters": {"client": {"description": TEXTS["client"]}},
                "messages": {"recallReply": _reference("components", "messages", "recallReply")},
                "x-redis": {"type": "pubsub", "receive": "SUBSCRIBE"},
            },
        },
        "operations": {
            "takeMessage": {
                "action": "receive",
                "channel": _reference("channels", "messages"),
                "summary": "Remember one message of a conversation.",
                "description": TEXTS["takeMessage"],
                "messages": [_reference("channels", "messages", "messages", "messageEvent")],
            },
            "answerRecall": {
                "action": "receive",
                "channel": _reference("channels", "recall"),
                "summary": "Reply with the window and the turns that answer a query.",
                "description": TEXTS["answerRecall"],
                "messages": [_reference("channels", "recall", "messages", "recallRequest")],
                "reply": {
                    "channel": _reference("channels", "replies"),
                    "messages": [_reference("channels", "replies", "messages", "recallReply")],
                },
            },
        },
        "components": {
            "messages": {
                "messageEvent": _message("messageEvent", "MessageEvent"),
                "recallRequest": _message("recallRequest", "RecallRequest", correlated=True),
                "recallReply": _message("recallReply", "RecallReply", correlated=True),
            },
            "schemas": _schemas(),
        },
    }


def render() -> str:
    """Return the document as YAML, as it is committed."""
    return _HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are read, and every value in full."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _reference(*parts: str) -> Json:
    return {"$ref": "#/" + "/".join(parts)}


def _stream(subject: Subject, message: str) -> Json:
    return {
        "address": stream(subject),
        "description": TEXTS[subject],
        "messages": {message: _reference("components", "messages", message)},
        "x-redis": {"type": "stream", "send": "XADD", "id": "*", "field": DATA_FIELD},
    }


def _message(name: str, model: str, *, correlated: bool = False) -> Json:
    correlation: Json = {"correlationId": {"location": "$message.payload#/request_id"}} if correlated else {}
    return {
        "name": model,
        "contentType": "application/json",
        "payload": {"$ref": _SCHEMAS + model},
        **correlation,
        "examples": [
            {"name": example, "payload": cast("JsonValue", json.loads(encode(payload)))}
            for example, payload in EXAMPLES[name].items()
        ],
    }


def _schemas() -> Json:
    """Return the schema of each model, by name: what is taken as it is validated, replies as they are written."""
    models: list[tuple[type[MessageEvent | RecallRequest | RecallReply], JsonSchemaMode]] = [
        (MessageEvent, "validation"),
        (RecallRequest, "validation"),
        (RecallReply, "serialization"),
    ]
    _, made = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    # JsonValue, "anything", is written in place.
    return {name: _model(made["$defs"][name]) for name in sorted(made["$defs"]) if name != "JsonValue"}


def _model(schema: Json) -> Json:
    """Return a model's schema with its docstring told apart: a sentence for it, one for each of its members."""
    summary, _, attributes = cast("str", schema["description"]).partition("\n\nAttributes:\n")
    # What is None in Python is left out of the JSON.
    texts = {name: " ".join(text.split()).replace("None", "absent") for name, text in _ATTRIBUTE.findall(attributes)}
    properties = cast("dict[str, Json]", schema["properties"])
    made: Json = {"type": "object", "description": " ".join(summary.split())}
    made["properties"] = {name: _value(value, texts.get(name)) for name, value in properties.items()}
    return made | {key: schema[key] for key in ("required", "additionalProperties") if key in schema}


def _value(schema: Json, description: str | None = None) -> JsonValue:
    """Return a member's schema: no generated titles, no null where a member is simply left out, nothing beside $ref.

    AsyncAPI's schemas are those of JSON Schema draft 7, in which a $ref hides whatever stands beside it.
    """
    kept: Json = {key: value for key, value in schema.items() if key not in {"title", "description"}}
    if kept.get("$ref") == f"{_SCHEMAS}JsonValue":
        return True
    if "anyOf" in kept:
        choices = [choice for choice in cast("list[Json]", kept.pop("anyOf")) if choice != {"type": "null"}]
        kept = (
            {**choices[0], **kept} if len(choices) == 1 else {"anyOf": [_value(choice) for choice in choices], **kept}
        )
    if kept.get("default", 0) is None:
        del kept["default"]
    for key in ("items", "additionalProperties"):
        if isinstance(inner := kept.get(key), dict):
            kept[key] = _value(inner)
    if "$ref" in kept:
        reference: Json = {"$ref": kept["$ref"]}
        return {"description": description, "allOf": [reference]} if description else reference
    return {"description": description, **kept} if description else kept


if __name__ == "__main__":
    sys.stdout.write(render())
