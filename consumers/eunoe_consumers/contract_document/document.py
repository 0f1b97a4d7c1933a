"""The AsyncAPI document as plain values and as YAML."""

import functools
import json
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel

from eunoe_consumers.contract_document.examples import example
from eunoe_consumers.contract_document.schemas import Json, schemas
from eunoe_schema.events import MessageEvent
from eunoe_schema.memory.base import request_models
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply, RecallRequest

_HEADER = "# Made by `make docs` from the models in schema/eunoe_schema. Change the models, not this file.\n"
_WIDTH = 112
_INLINE_CHARS = 110
# The messages that are not requests on curated memory.
_MODELS: dict[str, type[BaseModel]] = {
    "messageEvent": MessageEvent,
    "recallRequest": RecallRequest,
    "recallReply": RecallReply,
    "memoryReply": MemoryReply,
}


@functools.cache
def document() -> dict[str, Any]:
    """Return the AsyncAPI document. It is the same in every process, so that the committed file can be compared."""
    whole: dict[str, Any] = yaml.safe_load(
        files("eunoe_consumers.contract_document").joinpath("skeleton.yaml").read_text(encoding="utf-8")
    )
    found = schemas()
    requests = {model.__name__[0].lower() + model.__name__[1:]: model for model in request_models()}
    whole["channels"]["memory"]["messages"] = {name: _reference("components/messages", name) for name in requests}
    whole["operations"]["curateMemory"]["messages"] = [
        _reference("channels/memory/messages", name) for name in requests
    ]
    whole["components"] = {
        "correlationIds": {"request": {"location": "$message.payload#/request_id"}},
        "messages": {name: _message(model, found) for name, model in (_MODELS | requests).items()},
        "schemas": found,
    }
    return whole


def render() -> str:
    """Return the document as YAML, as `asyncapi.yaml` contains it."""
    return _HEADER + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _reference(place: str, name: str) -> Json:
    return {"$ref": f"#/{place}/{name}"}


def _message(model: type[BaseModel], found: Json) -> Json:
    correlation: Json = {"correlationId": _reference("components/correlationIds", "request")}
    return {
        "payload": _reference("components/schemas", model.__name__),
        **(correlation if "request_id" in model.model_fields else {}),
        "examples": [{"payload": example(model.__name__, found)}],
    }


class _Dumper(yaml.SafeDumper):
    """Writes long texts as blocks, short values on one line, and examples on as few lines as possible."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Return true, so that repeated values are written in full."""
        return True

    def represent_data(self, data: Any) -> yaml.Node:  # noqa: ANN401 - PyYAML's signature
        """Return the node of a value."""
        node = super().represent_data(data)
        if isinstance(node, yaml.CollectionNode):
            is_example = isinstance(data, dict) and data.keys() == {"payload"}
            node.flow_style = is_example or len(json.dumps(data)) <= _INLINE_CHARS
        return node


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
