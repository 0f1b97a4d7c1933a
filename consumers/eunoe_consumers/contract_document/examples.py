"""The examples of the AsyncAPI document, one for each message."""

from typing import Any, cast

from pydantic import JsonValue

from eunoe_consumers.contract_document.schemas import SCHEMAS, Json, members_of
from eunoe_schema.memory.content import content_hash
from eunoe_schema.streams import reply_channel

_AGENT = "22222222-2222-4222-8222-222222222222"
_CAT, _DOG = "33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444"
_CONTENT = "Ada's cat is called Minka."
_TIME = "2026-05-03T09:20:00Z"
_MEMORY: Json = {
    "id": _CAT,
    "user_id": "ada",
    "tier": "personal",
    "category": "factual",
    "source": "extracted",
    "status": "active",
    "content": _CONTENT,
    "content_hash": content_hash(_CONTENT),
    "confidence": 0.8,
    "usefulness": 0.5,
    "metadata": {},
    "tags": ["pets"],
    "version": 1,
    "created_at": _TIME,
    "updated_at": _TIME,
}

# By the name of a member. A member that is absent here is in an example only if it is required.
_VALUES: dict[str, Any] = {
    "request_id": "request-1",
    "reply_to": reply_channel("gateway-7"),
    "tenant_id": "11111111-1111-4111-8111-111111111111",
    "agent_id": _AGENT,
    "user_id": "ada",
    "event_id": "message-1",
    "session_id": "support-4711",
    "collection_id": "55555555-5555-4555-8555-555555555555",
    "memory_id": _CAT,
    "memory_ids": [_CAT, _DOG],
    "from_id": _CAT,
    "to_id": _DOG,
    "content": _CONTENT,
    "query": "What is the name of my pet?",
    "thread_id": "C061EG9SL:1718000000.000100",
    "channel": "slack",
    "speaker": "Ada",
    "occurred_at": _TIME,
    "name": "tone",
    "names": ["tone", "language"],
    "tags": ["pets"],
    "state": {"step": 3},
    "context": {
        "window": [{"role": "assistant", "content": "Hello!", "id": "1777886000000-0", "event_id": "message-8"}],
        "turns": [
            {"event_id": "message-1", "entry_id": "1777800000000-0", "role": "user", "content": _CONTENT}
            | {"created_at": _TIME, "cosine": 0.43, "score": 0.43}
        ],
        "freshness": {"latest_entry_id": "1777887000000-0", "after": "1777887000000-0", "applied": True},
    },
    "result": {"kind": "remembered", "remembered": [{"memory": _MEMORY, "created": True}]},
}
_SIMPLEST: Json = {"string": "example", "boolean": True, "object": {}}


def example(model: str, schemas: Json) -> Json:
    """Return an example of a message: its required members, and those with a value in `_VALUES`.

    A new kind of request needs no entry here. A required member that is unknown gets the simplest valid value.
    """
    members, required = members_of(model, schemas)
    names = (name for name in members if name in _VALUES or name in required or name == "kind")
    return {name: _value(name, members[name], schemas) for name in names}


def _value(name: str, schema: JsonValue, schemas: Json) -> JsonValue:
    """Return a value of a member: the first of its enum, the known one of its name, or the simplest of its type."""
    match schema:
        case {"$ref": str() as reference} | {"allOf": [{"$ref": str() as reference}]} if name not in _VALUES:
            found = reference.removeprefix(SCHEMAS)
            has_members = "properties" in cast("Json", schemas[found])
            value = example(found, schemas) if has_members else _value(name, schemas[found], schemas)
        case {"const": first} | {"enum": [first, *_]}:
            value = first
        case _ if name in _VALUES:
            value = _VALUES[name]
        case {"type": "array", "items": items}:
            value = [_value("", items, schemas)]
        case {"format": "uuid"}:
            value = _CAT
        case {"format": "date-time"}:
            value = _TIME
        case {"type": ("integer" | "number"), **bounds}:
            value = bounds.get("minimum", 1)
        case {"type": str() as kind}:
            value = _SIMPLEST[kind]
        case _:
            value = {}
    return value
