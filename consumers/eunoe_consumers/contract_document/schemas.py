"""JSON schemas of the contract's models, as AsyncAPI reads them."""

import inspect
from typing import cast

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from eunoe_schema.events import MessageEvent
from eunoe_schema.memory.base import Request, request_models
from eunoe_schema.memory.reply import MemoryReply
from eunoe_schema.recall import RecallReply, RecallRequest

Json = dict[str, JsonValue]

SCHEMAS = "#/components/schemas/"
_KIND = "The kind."


class _Generator(GenerateJsonSchema):
    """pydantic's generator, except that a member without a value is left out of the JSON instead of being null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", 0) is None or isinstance(made.get("default"), dict):
            del made["default"]  # the members of an object have defaults of their own
        return made

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        made.pop("discriminator", None)  # OpenAPI's; the discriminator of AsyncAPI has another form
        return made


def schemas() -> Json:
    """Return the schemas by name: received messages as they are validated, replies as they are written.

    Members that several requests share stand once, in the schema of their base class.
    """
    requests = request_models()
    bases = tuple(dict.fromkeys(base for model in requests for base in _bases(model)))
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in (MessageEvent, RecallRequest, *requests, *bases)),
        (RecallReply, "serialization"),
        (MemoryReply, "serialization"),
    ]
    _, generated = models_json_schema(models, ref_template=SCHEMAS + "{model}", schema_generator=_Generator)
    found: dict[str, Json] = {name: cast("Json", _plain(schema)) for name, schema in generated["$defs"].items()}
    inherited = {model.__name__: _inherit(model, found) for model in (*requests, *bases)}
    return {name: inherited.get(name, found[name]) for name in sorted(found) if name != "JsonValue"}


def members_of(name: str, found: Json) -> tuple[Json, set[str]]:
    """Return the schemas of all members of a request, inherited ones included, and the names of the required ones."""
    schema = cast("Json", found[name])
    members: Json = {}
    required: set[str] = set(cast("list[str]", schema.get("required", [])))
    for parent in cast("list[dict[str, str]]", schema.get("allOf", [])):
        parent_members, parent_required = members_of(parent["$ref"].removeprefix(SCHEMAS), found)
        members |= parent_members
        required |= parent_required
    own = cast("Json", schema["properties"])
    return members | {name: member for name, member in own.items() if member is not True}, required


def _bases(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the public base classes that add members to a request, the nearest first."""
    bases: list[type[BaseModel]] = [
        base for base in model.__mro__[1:] if issubclass(base, Request) and not base.__name__.startswith("_")
    ]
    return [base for base in bases if inspect.get_annotations(base).keys() & base.model_fields.keys()]


def _inherit(model: type[BaseModel], found: dict[str, Json]) -> Json:
    """Return a request's schema with a reference to its base in place of the members that it shares.

    The shared members of a concrete request stay as `true`, because `additionalProperties` looks only at the properties
    beside it.
    """
    schema = found[model.__name__]
    bases = _bases(model)
    is_base = "kind" not in model.model_fields
    if not bases:
        return {key: value for key, value in schema.items() if key != "additionalProperties"} if is_base else schema
    parent = found[bases[0].__name__]
    shared, shared_required = cast("Json", parent["properties"]), cast("list[str]", parent.get("required", []))
    members = cast("Json", schema["properties"])
    own = {name: value for name, value in members.items() if shared.get(name) != value}
    inherited: Json = {} if is_base else {name: True for name in members if name not in own}
    required = [name for name in cast("list[str]", schema.get("required", [])) if name not in shared_required]
    return {
        "description": schema["description"],
        "allOf": [{"$ref": SCHEMAS + bases[0].__name__}],
        "type": "object",
        "properties": own | inherited,
        **({"required": cast("JsonValue", required)} if required else {}),
        **({} if is_base else {"additionalProperties": False}),
    }


def _plain(schema: JsonValue) -> JsonValue:
    """Return a schema without titles, and with descriptions of one line.

    The schemas of AsyncAPI are those of JSON Schema draft 7: a `$ref` hides everything beside it, so it moves into an
    `allOf`.
    """
    if not isinstance(schema, dict):
        return schema
    if schema.get("$ref") == f"{SCHEMAS}JsonValue":
        return True
    plain: Json = {key: schema[key] for key in ("description", "type") if key in schema}
    for key, value in schema.items():
        match key, value:
            case "title", _:
                continue
            case "description", str():
                plain[key] = " ".join(value.split())
            case "properties", dict():
                plain[key] = {name: _plain(_described(name, member)) for name, member in value.items()}
            case (("anyOf" | "oneOf" | "allOf"), list()):
                plain[key] = [_plain(choice) for choice in value]
            case (("items" | "additionalProperties"), _):
                plain[key] = _plain(value)
            case _:
                plain[key] = value
    if "$ref" in plain and len(plain) > 1:
        plain["allOf"] = [{"$ref": plain.pop("$ref")}]
    return plain


def _described(name: str, member: JsonValue) -> JsonValue:
    """Return a member with a description, also if it is `kind`, which needs none in Python."""
    return {"description": _KIND, **member} if name == "kind" and isinstance(member, dict) else member
