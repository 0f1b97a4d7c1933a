"""Which handler does which request: the one place to add another."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from eunoe_consumers.memories.administration import admin_search
from eunoe_consumers.memories.call import Call
from eunoe_consumers.memories.change import merge, revise, supersede
from eunoe_consumers.memories.checkpoints import list_checkpoints, load_checkpoint, save_checkpoint
from eunoe_consumers.memories.collections import (
    add_members,
    create_collection,
    delete_collection,
    get_collection,
    list_collections,
    remove_members,
    update_collection,
)
from eunoe_consumers.memories.consolidation import consolidation_groups
from eunoe_consumers.memories.directives import list_directives, order_directives, remove_directive, set_directive
from eunoe_consumers.memories.read import get, history, list_, search
from eunoe_consumers.memories.relations import relate, unrelate, walk
from eunoe_consumers.memories.remember import remember
from eunoe_consumers.memories.sessions import close_session, get_session, list_sessions, open_session
from eunoe_consumers.memories.transition import purge, tag, transition, untag
from eunoe_consumers.memories.usage import feedback, injected, retrieved
from eunoe_schema.memory.administration import AdminSearchRequest
from eunoe_schema.memory.base import AnyRequest, Result
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
from eunoe_schema.memory.history import HistoryRequest
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

# A handler takes its request and a call, and returns the result or raises Refused. Each is typed by itself; the table
# cannot say that key and value belong together.
HANDLERS: Mapping[type[AnyRequest], Callable[[Any, Call], Awaitable[Result]]] = {
    RememberRequest: remember,
    GetRequest: get,
    HistoryRequest: history,
    ListRequest: list_,
    SearchRequest: search,
    ReviseRequest: revise,
    SupersedeRequest: supersede,
    MergeRequest: merge,
    TransitionRequest: transition,
    PurgeRequest: purge,
    TagRequest: tag,
    UntagRequest: untag,
    RelateRequest: relate,
    UnrelateRequest: unrelate,
    WalkRequest: walk,
    CreateCollectionRequest: create_collection,
    GetCollectionRequest: get_collection,
    ListCollectionsRequest: list_collections,
    UpdateCollectionRequest: update_collection,
    DeleteCollectionRequest: delete_collection,
    AddMembersRequest: add_members,
    RemoveMembersRequest: remove_members,
    OpenSessionRequest: open_session,
    CloseSessionRequest: close_session,
    GetSessionRequest: get_session,
    ListSessionsRequest: list_sessions,
    SaveCheckpointRequest: save_checkpoint,
    LoadCheckpointRequest: load_checkpoint,
    ListCheckpointsRequest: list_checkpoints,
    SetDirectiveRequest: set_directive,
    ListDirectivesRequest: list_directives,
    OrderDirectivesRequest: order_directives,
    RemoveDirectiveRequest: remove_directive,
    RetrievedRequest: retrieved,
    InjectedRequest: injected,
    FeedbackRequest: feedback,
    ConsolidationGroupsRequest: consolidation_groups,
    AdminSearchRequest: admin_search,
}
