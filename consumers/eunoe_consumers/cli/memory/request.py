"""`eunoe memory request`: send any request of the contract, and show the fields of each kind."""

import json
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from eunoe_consumers.cli.console import line, lines, output, print_indented_json, print_json, print_plain
from eunoe_consumers.cli.memory import options as o
from eunoe_consumers.cli.memory.call import MemoryCommand
from eunoe_consumers.cli.memory.transitions import TRANSITIONS
from eunoe_consumers.cli.options import parse_object, text_or_input
from eunoe_schema.errors import InvalidEvent
from eunoe_schema.memory.base import AnyRequest, ScopedRequest, request_kinds, request_model

# Kinds that need one of several optional fields: the field that an example has.
_EXAMPLE_FIELD = {"revise": "content", "update_collection": "name", "admin_search": "words"}
# Fields that the options set, or that the command makes itself.
_ENVELOPE = frozenset({*ScopedRequest.model_fields, "kind"})


def request(
    kind: Annotated[
        str | None, typer.Argument(metavar="KIND", help="The kind of request; `--list` shows all kinds.")
    ] = None,
    body: Annotated[
        str, typer.Argument(metavar="JSON", help="The request's fields; - reads them from standard input.")
    ] = "{}",
    *,
    show_list: Annotated[bool, typer.Option("--list", help="Show all kinds of requests.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Show the fields of KIND.")] = False,
    request_id: o.RequestId = None,
    tenant: Annotated[
        str | None, typer.Option(help="The tenant's UUID or name; required to send a request.", rich_help_panel=o.SCOPE)
    ] = None,
    agent: o.Agent = None,
    user: o.User = None,
    deadline: o.Deadline = None,
    as_json: o.AsJson = False,
) -> None:
    """Send a request of any kind to curated memory, and print the result as JSON.

    Use it for everything without a command of its own: count, revise, supersede, merge and tag memories; relations,
    collections, sessions, checkpoints, directives; feedback and consolidation. The options set the scope, the request
    id and the deadline. JSON contains all other fields.
    """
    if kind is None or show_list:
        _show_kinds(as_json=as_json)
        return
    model = _find_model(kind)
    if schema:
        _show_fields(kind, model, as_json=as_json)
        return
    if tenant is None:
        raise typer.BadParameter("give --tenant, which is required to send a request")
    fields = parse_object(text_or_input(body))
    if envelope := sorted(fields.keys() & _ENVELOPE):
        raise typer.BadParameter(
            f"leave {', '.join(envelope)} out of the JSON: the argument KIND and the options --tenant, --agent, "
            "--user, --request-id and --deadline set these fields"
        )
    call = MemoryCommand(tenant, agent, user, deadline, as_json)
    try:
        result = call.ask(model, request_id=request_id, **fields, **({"kind": kind} if kind in TRANSITIONS else {}))
    except InvalidEvent as error:
        raise InvalidEvent(
            f"{error}. --agent and --user set agent_id and user_id; `eunoe memory request {kind} --schema` shows all "
            "other fields"
        ) from error
    document = result.model_dump(mode="json")
    if as_json:
        print_json(document)
    else:
        print_indented_json(document)


def example_call(kind: str) -> str:
    """Return a command that sends a request of this kind with its required fields."""
    model = request_model(kind)
    scope = "--user ada" if issubclass(model, ScopedRequest) else ""
    schema = _own_schema(model)
    schema["required"] += [_EXAMPLE_FIELD[kind]] if kind in _EXAMPLE_FIELD else []
    body = _example(schema, model.model_json_schema().get("$defs", {}))
    return " ".join(filter(None, (f"eunoe memory request {kind} --tenant acme", scope, shlex.quote(json.dumps(body)))))


def purpose(kind: str) -> str:
    """Return the effect of a request of this kind, in one or two sentences."""
    if kind in TRANSITIONS:
        return TRANSITIONS[kind]
    return (request_model(kind).__doc__ or "").partition("\n")[0]


def _find_model(kind: str) -> type[AnyRequest]:
    if kind in request_kinds():
        return request_model(kind)
    near = get_close_matches(kind, request_kinds(), n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise typer.BadParameter(
        f"{kind!r} is not a kind of request: {hint}`eunoe memory request --list` shows all kinds", param_hint="KIND"
    )


def _show_kinds(*, as_json: bool) -> None:
    if as_json:
        print_json([{"kind": kind, "purpose": purpose(kind)} for kind in request_kinds()])
        return
    table = Table("kind", "purpose", expand=True, box=None, pad_edge=False)
    for kind in request_kinds():
        table.add_row(kind, purpose(kind))
    output.print(table)
    output.print("", "`eunoe memory request KIND --schema` shows the fields of a kind", sep="\n")


def _show_fields(kind: str, model: type[AnyRequest], *, as_json: bool) -> None:
    own, definitions = _own_schema(model), model.model_json_schema().get("$defs", {})
    if as_json:
        print_json({**own, "$defs": definitions})
        return
    about = purpose(kind) if kind in TRANSITIONS else " ".join((model.__doc__ or "").split())
    output.print(f"{kind}: {about}", "", sep="\n")
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    _add_fields(table, "", own, definitions)
    output.print(table)
    print_plain("", f"Example: {example_call(kind)}")


def _own_schema(model: type[AnyRequest]) -> dict[str, Any]:
    """Return the JSON schema of a request without its envelope and its definitions."""
    schema = model.model_json_schema()
    return {
        "type": "object",
        "properties": {name: found for name, found in schema["properties"].items() if name not in _ENVELOPE},
        "required": [name for name in schema.get("required", ()) if name not in _ENVELOPE],
        "additionalProperties": False,
    }


def _resolve(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that a reference, or a choice between a type and null, stands for."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return _resolve(choice, definitions)
    if reference := schema.get("$ref"):
        return _resolve(definitions[reference.rpartition("/")[2]], definitions)
    return schema


def _add_fields(table: Table, prefix: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """Add a row for each field of an object; those of nested objects follow the object."""
    for name, field in schema["properties"].items():
        value = _value(field, definitions)
        if name in schema.get("required", ()):
            value += ", required"
        elif (default := field.get("default")) is not None:
            value += f", default {json.dumps(default)}"
        meaning = " ".join(field.get("description", "").split())
        table.add_row(f"{prefix}{name}", lines(value, line(meaning, "dim")) if meaning else value)
        resolved, step = _resolve(field, definitions), "."
        if resolved.get("type") == "array":
            resolved, step = _resolve(resolved["items"], definitions), "[]."
        if "properties" in resolved:
            _add_fields(table, f"{prefix}{name}{step}", resolved, definitions)


def _value(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return the values that a field may have, in words."""
    resolved = _resolve(schema, definitions)
    if "enum" in resolved:
        return " | ".join(map(str, resolved["enum"]))
    if resolved.get("type") == "array":
        return f"list of {_value(resolved['items'], definitions)}"
    kind = resolved.get("format") or resolved.get("type", "any JSON")
    low, high = resolved.get("minimum"), resolved.get("maximum")
    return f"{kind} {low}..{high}" if low is not None and high is not None else str(kind)


def _example(schema: Mapping[str, Any], definitions: Mapping[str, Any], number: int = 3) -> object:
    """Return a value that fits a schema, with required fields only; `number` makes two ids differ."""
    resolved = _resolve(schema, definitions)
    if "enum" in resolved:
        return resolved["enum"][0]
    match resolved.get("type"):
        case "object":
            fields = resolved.get("properties", {})
            required = enumerate(resolved.get("required", ()), number)
            return {name: _example(fields[name], definitions, place) for place, name in required}
        case "array":
            numbers = range(number, number + max(1, resolved.get("minItems", 1)))
            return [_example(resolved["items"], definitions, number) for number in numbers]
        case "integer" | "number":
            return 1
        case _:
            return str(UUID(str(number) * 32, version=4)) if resolved.get("format") == "uuid" else "..."
