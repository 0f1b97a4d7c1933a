"""The requests on `eunoe:memory`: one union, told apart by `kind`."""

from collections.abc import Mapping
from typing import Annotated, get_args

from pydantic import Field, RootModel

from eunoe_schema.codec import Refusal, decode
from eunoe_schema.memory.administration import AdminSearchRequest
from eunoe_schema.memory.change import (
    MergeRequest,
    PurgeRequest,
    ReviseRequest,
    SupersedeRequest,
    TagRequest,
    TransitionRequest,
    UntagRequest,
)
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
from eunoe_schema.memory.consolidation import ConsolidationGroupsRequest
from eunoe_schema.memory.directives import (
    ListDirectivesRequest,
    OrderDirectivesRequest,
    RemoveDirectiveRequest,
    SetDirectiveRequest,
)
from eunoe_schema.memory.read import GetRequest, ListRequest, SearchRequest
from eunoe_schema.memory.relations import RelateRequest, UnrelateRequest, WalkRequest
from eunoe_schema.memory.remember import RememberRequest
from eunoe_schema.memory.sessions import (
    CloseSessionRequest,
    GetSessionRequest,
    ListSessionsRequest,
    OpenSessionRequest,
)
from eunoe_schema.memory.usage import FeedbackRequest, InjectedRequest, RetrievedRequest

MemoryRequest = (
    RememberRequest
    | GetRequest
    | ListRequest
    | SearchRequest
    | ReviseRequest
    | SupersedeRequest
    | MergeRequest
    | TransitionRequest
    | PurgeRequest
    | TagRequest
    | UntagRequest
    | RelateRequest
    | UnrelateRequest
    | WalkRequest
    | CreateCollectionRequest
    | GetCollectionRequest
    | ListCollectionsRequest
    | UpdateCollectionRequest
    | DeleteCollectionRequest
    | AddMembersRequest
    | RemoveMembersRequest
    | OpenSessionRequest
    | CloseSessionRequest
    | GetSessionRequest
    | ListSessionsRequest
    | SaveCheckpointRequest
    | LoadCheckpointRequest
    | ListCheckpointsRequest
    | SetDirectiveRequest
    | ListDirectivesRequest
    | OrderDirectivesRequest
    | RemoveDirectiveRequest
    | RetrievedRequest
    | InjectedRequest
    | FeedbackRequest
    | ConsolidationGroupsRequest
    | AdminSearchRequest
)
REQUESTS: tuple[type[MemoryRequest], ...] = get_args(MemoryRequest)


class _AnyRequest(RootModel[Annotated[MemoryRequest, Field(discriminator="kind")]]):
    """One of them."""


def kinds() -> frozenset[str]:
    """Return every kind of request."""
    return frozenset(str(kind) for model in REQUESTS for kind in get_args(model.model_fields["kind"].annotation))


def decode_request(fields: Mapping[bytes, bytes]) -> MemoryRequest | Refusal:
    """Decode an entry's fields; never raises for what is in them."""
    decoded = decode(fields, _AnyRequest)
    return decoded if isinstance(decoded, Refusal) else decoded.root
