"""The contract as an AsyncAPI 3.0 document, made from its models: what a publisher in any language goes by.

This is a small generator of our own. FastStream's (`faststream docs gen`) knows no models of replies, writes its
members in an order that changes from run to run, and puts the consumer's name, which is random, into the document: such
a document can neither be committed nor compared.
"""

import inspect
import json
import re
import sys
from typing import cast

import yaml
from pydantic import BaseModel, JsonValue
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from eunoe_consumers.asyncapi_memory import MEMORY_EXAMPLES, MEMORY_TEXTS
from eunoe_consumers.asyncapi_records import RECORD_EXAMPLES
from eunoe_consumers.asyncapi_texts import EXAMPLES, TEXTS
from eunoe_schema.codec import encode
from eunoe_schema.events import SCHEMA_VERSION, MessageEvent
from eunoe_schema.memory.base import request_models
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply, RecallRequest
from eunoe_schema.streams import DATA_FIELD, Subject, reply_channel, stream

Json = dict[str, JsonValue]

_SCHEMAS = "#/components/schemas/"
_HEADER = "# Made by `eunoe asyncapi > asyncapi.yaml` from the models in schema/eunoe_schema: change those, not this.\n"
_TEXTS = {**TEXTS, **MEMORY_TEXTS}
_EXAMPLES = {**EXAMPLES, **MEMORY_EXAMPLES, **RECORD_EXAMPLES}
# The requests on curated memory, by the names of their messages.
_REQUESTS = {model.__name__[0].lower() + model.__name__[1:]: model for model in request_models()}
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def document() -> Json:
    """Return the AsyncAPI document as plain values; the same for the same contract, wherever it is made."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Eunoe",
            "version": f"{SCHEMA_VERSION}.0.0",  # of the contract: the package's would make every release stale
            "description": _TEXTS["info"],
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "redis": {
                "host": "{host}",
                "protocol": "redis",
                "description": _TEXTS["server"],
                "variables": {"host": {"default": "localhost:6379", "description": "Host and port."}},
            }
        },
        "channels": {
            "messages": _stream(Subject.MESSAGES, "messageEvent"),
            "recall": _stream(Subject.RECALL, "recallRequest"),
            "memory": _stream(Subject.MEMORY, *_REQUESTS),
            "replies": {
                "address": reply_channel("{client}"),
                "description": _TEXTS["replies"],
                "parameters": {"client": {"description": _TEXTS["client"]}},
                "messages": {
                    name: _reference("components", "messages", name) for name in ("recallReply", "memoryReply")
                },
                "x-redis": {"type": "pubsub", "receive": "SUBSCRIBE"},
            },
        },
        "operations": {
            "takeMessage": {
                "action": "receive",
                "channel": _reference("channels", "messages"),
                "summary": "Remember one message of a conversation.",
                "description": _TEXTS["takeMessage"],
                "messages": [_reference("channels", "messages", "messages", "messageEvent")],
            },
            "answerRecall": {
                "action": "receive",
                "channel": _reference("channels", "recall"),
                "summary": "Reply with the window and the turns that answer a query.",
                "description": _TEXTS["answerRecall"],
                "messages": [_reference("channels", "recall", "messages", "recallRequest")],
                "reply": {
                    "channel": _reference("channels", "replies"),
                    "messages": [_reference("channels", "replies", "messages", "recallReply")],
                },
            },
            "curateMemory": {
                "action": "receive",
                "channel": _reference("channels", "memory"),
                "summary": "Do one request on curated memory, once, and reply.",
                "description": _TEXTS["curateMemory"],
                "messages": [_reference("channels", "memory", "messages", name) for name in _REQUESTS],
                "reply": {
                    "channel": _reference("channels", "replies"),
                    "messages": [_reference("channels", "replies", "messages", "memoryReply")],
                },
            },
        },
        "components": {
            "messages": {
                "messageEvent": _message("messageEvent", "MessageEvent"),
                "recallRequest": _message("recallRequest", "RecallRequest", correlated=True),
                "recallReply": _message("recallReply", "RecallReply", correlated=True),
                **{name: _message(name, model.__name__, correlated=True) for name, model in _REQUESTS.items()},
                "memoryReply": _message("memoryReply", "MemoryReply", correlated=True),
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


def _stream(subject: Subject, *messages: str) -> Json:
    return {
        "address": stream(subject),
        "description": _TEXTS[subject],
        "messages": {message: _reference("components", "messages", message) for message in messages},
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
            for example, payload in _EXAMPLES[name].items()
        ],
    }


def _schemas() -> Json:
    """Return the schema of each model, by name: what is taken as it is validated, replies as they are written."""
    taken = (MessageEvent, RecallRequest, *request_models())
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in taken),
        (RecallReply, "serialization"),
        (MemoryReply, "serialization"),
    ]
    _, made = models_json_schema(models, ref_template=_SCHEMAS + "{model}")
    inherited = {model.__name__: _inherited(model) for model in taken}
    # JsonValue, "anything", is written in place.
    names = [name for name in sorted(made["$defs"]) if name != "JsonValue"]
    return {name: _model(made["$defs"][name], inherited.get(name, {})) for name in names}


def _inherited(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a model's bases say of members that it has from them."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__[1:]):
        if issubclass(base, BaseModel) and base is not BaseModel:
            texts |= _members(inspect.cleandoc(base.__doc__ or ""))
    return texts


def _members(docstring: str) -> dict[str, str]:
    """Return what a docstring says of each member. What is None in Python is left out of the JSON."""
    _, _, attributes = docstring.partition("\n\nAttributes:\n")
    return {name: " ".join(text.split()).replace("None", "absent") for name, text in _ATTRIBUTE.findall(attributes)}


def _model(schema: Json, inherited: dict[str, str]) -> Json:
    """Return a model's schema with its docstring told apart: a sentence for it, one for each of its members."""
    docstring = cast("str", schema["description"])
    summary = docstring.partition("\n\nAttributes:\n")[0]
    if "enum" in schema:
        return {"type": "string", "description": " ".join(summary.split()), "enum": schema["enum"]}
    texts = {"kind": "Tells requests and results apart.", **inherited, **_members(docstring)}
    properties = cast("dict[str, Json]", schema["properties"])
    made: Json = {"type": "object", "description": " ".join(summary.split())}
    made["properties"] = {
        name: _value(value, _described(value) or texts.get(name)) for name, value in properties.items()
    }
    return made | {key: schema[key] for key in ("required", "additionalProperties") if key in schema}


def _described(schema: Json) -> str | None:
    description = schema.get("description")
    return " ".join(description.split()) if isinstance(description, str) else None


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
    kept.pop("discriminator", None)  # OpenAPI's; AsyncAPI's is another, and each choice names its `kind`
    if "oneOf" in kept:
        kept["oneOf"] = [_value(choice) for choice in cast("list[Json]", kept["oneOf"])]
    for key in ("items", "additionalProperties"):
        if isinstance(inner := kept.get(key), dict):
            kept[key] = _value(inner)
    if "$ref" in kept:
        reference: Json = {"$ref": kept["$ref"]}
        return {"description": description, "allOf": [reference]} if description else reference
    return {"description": description, **kept} if description else kept


if __name__ == "__main__":
    sys.stdout.write(render())
