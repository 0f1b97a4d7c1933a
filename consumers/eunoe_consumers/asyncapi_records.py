"""Examples, for the AsyncAPI document, of requests on what surrounds memories."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from eunoe_schema.memory.checkpoints import ListCheckpointsRequest, LoadCheckpointRequest, SaveCheckpointRequest
from eunoe_schema.memory.collections import (
    AddMembersRequest,
    CreateCollectionRequest,
    DeleteCollectionRequest,
    GetCollectionRequest,
    ListCollectionsRequest,
    RemoveMembersRequest,
    UpdateCollectionRequest,
)
from eunoe_schema.memory.directives import (
    ListDirectivesRequest,
    OrderDirectivesRequest,
    RemoveDirectiveRequest,
    SetDirectiveRequest,
)
from eunoe_schema.memory.enums import RelationType, Status
from eunoe_schema.memory.relations import Direction, RelateRequest, UnrelateRequest, WalkRequest
from eunoe_schema.memory.sessions import (
    CloseSessionRequest,
    GetSessionRequest,
    ListSessionsRequest,
    OpenSessionRequest,
)
from eunoe_schema.streams import reply_channel

_CAT = UUID("33333333-3333-4333-8333-333333333333")
_DOG = UUID("44444444-4444-4444-8444-444444444444")
_PETS = UUID("55555555-5555-4555-8555-555555555555")
_CHECKPOINT = UUID("66666666-6666-4666-8666-666666666666")
_OF_USER: dict[str, Any] = {
    "request_id": "request-1",
    "reply_to": reply_channel("gateway-7"),
    "tenant_id": UUID("11111111-1111-4111-8111-111111111111"),
    "user_id": "ada",
}
_OF_BOTH: dict[str, Any] = {
    **_OF_USER,
    "request_id": "request-2",
    "agent_id": UUID("22222222-2222-4222-8222-222222222222"),
}
_OF_AGENT = {name: value for name, value in _OF_BOTH.items() if name != "user_id"}
_CURSOR = "MjAyNi0wNS0wM1QwOToyMDowMCswMDowMCAzMzMzMzMzMy0zMzMzLTQzMzMtODMzMy0zMzMzMzMzMzMzMzM="


def _relation(**more: object) -> dict[str, Any]:
    """Return the members of a request on one relation."""
    return {**_OF_USER, "from_id": _CAT, "type": RelationType.CAUSES, "to_id": _DOG, **more}


def _pets(**more: object) -> dict[str, Any]:
    """Return the members of a request on one collection."""
    return {**_OF_USER, "collection_id": _PETS, **more}


def _session(**more: object) -> dict[str, Any]:
    """Return the members of a request on one session."""
    return {**_OF_BOTH, "session_id": "support-4711", **more}


RECORD_EXAMPLES: Mapping[str, Mapping[str, BaseModel]] = {
    "relateRequest": {
        "smallest": RelateRequest(**_relation()),
        "another type": RelateRequest(**_relation(type=RelationType.CONTRADICTS)),
    },
    "unrelateRequest": {
        "smallest": UnrelateRequest(**_relation()),
        "another type": UnrelateRequest(**_relation(type=RelationType.CONTRADICTS)),
    },
    "walkRequest": {
        "smallest": WalkRequest(**_OF_USER, memory_id=_CAT),
        "what it leads to, in the end": WalkRequest(
            **_OF_BOTH,
            memory_id=_CAT,
            depth=5,
            direction=Direction.OUT,
            types=(RelationType.CAUSES, RelationType.FOLLOWS),
            statuses=(Status.ACTIVE, Status.ARCHIVED),
            limit=20,
        ),
    },
    "createCollectionRequest": {
        "smallest": CreateCollectionRequest(**_OF_USER, type="topic", name="Pets"),
        "everything": CreateCollectionRequest(**_OF_BOTH, type="trip", name="Rome 2026", description="In June."),
    },
    "getCollectionRequest": {
        "smallest": GetCollectionRequest(**_pets()),
        "soon": GetCollectionRequest(**_pets(deadline_seconds=1)),
    },
    "listCollectionsRequest": {
        "smallest": ListCollectionsRequest(**_OF_USER),
        "a page of a type": ListCollectionsRequest(**_OF_BOTH, type="trip", limit=20, cursor=_CURSOR),
    },
    "updateCollectionRequest": {
        "another name": UpdateCollectionRequest(**_pets(name="Animals", version=1)),
        "no description": UpdateCollectionRequest(**_pets(description="")),
    },
    "deleteCollectionRequest": {
        "smallest": DeleteCollectionRequest(**_pets()),
        "what was seen": DeleteCollectionRequest(**_pets(version=3)),
    },
    "addMembersRequest": {
        "one": AddMembersRequest(**_pets(memory_ids=(_CAT,))),
        "two": AddMembersRequest(**_pets(memory_ids=(_CAT, _DOG))),
    },
    "removeMembersRequest": {
        "one": RemoveMembersRequest(**_pets(memory_ids=(_CAT,))),
        "two": RemoveMembersRequest(**_pets(memory_ids=(_CAT, _DOG))),
    },
    "openSessionRequest": {
        "smallest": OpenSessionRequest(**_session()),
        "everything": OpenSessionRequest(
            **_session(thread_id="C024/1714.5", channel="slack", metadata={"topic": "pets"})
        ),
    },
    "closeSessionRequest": {
        "smallest": CloseSessionRequest(**_session()),
        "with time to spare": CloseSessionRequest(**_session(deadline_seconds=30)),
    },
    "getSessionRequest": {
        "smallest": GetSessionRequest(**_session()),
        "soon": GetSessionRequest(**_session(deadline_seconds=1)),
    },
    "listSessionsRequest": {
        "smallest": ListSessionsRequest(**_OF_BOTH),
        "those that are open": ListSessionsRequest(**_OF_BOTH, is_open=True, limit=20),
    },
    "saveCheckpointRequest": {
        "smallest": SaveCheckpointRequest(**_session(state={"step": 3})),
        "with a name": SaveCheckpointRequest(**_session(name="plan", state={"plan": ["ask", "answer"], "at": 1})),
    },
    "loadCheckpointRequest": {
        "the latest": LoadCheckpointRequest(**_session()),
        "a certain one": LoadCheckpointRequest(**_session(checkpoint_id=_CHECKPOINT)),
    },
    "listCheckpointsRequest": {
        "smallest": ListCheckpointsRequest(**_session()),
        "a page of a name": ListCheckpointsRequest(**_session(name="plan", limit=20, cursor=_CURSOR)),
    },
    "setDirectiveRequest": {
        "with every user": SetDirectiveRequest(**_OF_AGENT, name="tone", content="Be brief."),
        "with one user": SetDirectiveRequest(
            **_OF_BOTH, name="language", content="Answer in German.", ordinal=2, version=1
        ),
    },
    "listDirectivesRequest": {
        "of an agent": ListDirectivesRequest(**_OF_AGENT),
        "with one user": ListDirectivesRequest(**_OF_BOTH),
    },
    "orderDirectivesRequest": {
        "with every user": OrderDirectivesRequest(**_OF_AGENT, names=("language", "tone")),
        "with one user": OrderDirectivesRequest(**_OF_BOTH, names=("language",)),
    },
    "removeDirectiveRequest": {
        "smallest": RemoveDirectiveRequest(**_OF_AGENT, name="tone"),
        "what was seen": RemoveDirectiveRequest(**_OF_BOTH, name="language", version=2),
    },
}
