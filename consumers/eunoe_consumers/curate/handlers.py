"""Which handler does which request: the one place to add another."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from eunoe_consumers.curate.administration import admin_search
from eunoe_consumers.curate.call import Call
from eunoe_consumers.curate.change import merge, revise, supersede
from eunoe_consumers.curate.consolidation import consolidation_groups
from eunoe_consumers.curate.read import get, list_, search
from eunoe_consumers.curate.remember import remember
from eunoe_consumers.curate.transition import purge, tag, transition, untag
from eunoe_consumers.curate.usage import feedback, injected, retrieved
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
from eunoe_schema.memory.consolidation import ConsolidationGroupsRequest
from eunoe_schema.memory.read import GetRequest, ListRequest, SearchRequest
from eunoe_schema.memory.remember import RememberRequest
from eunoe_schema.memory.reply import Result
from eunoe_schema.memory.requests import MemoryRequest
from eunoe_schema.memory.usage import FeedbackRequest, InjectedRequest, RetrievedRequest

# A handler takes its request and a call, and returns the result or raises Refused. Each is typed by itself; the table
# cannot say that key and value belong together.
HANDLERS: Mapping[type[MemoryRequest], Callable[[Any, Call], Awaitable[Result]]] = {
    RememberRequest: remember,
    GetRequest: get,
    ListRequest: list_,
    SearchRequest: search,
    ReviseRequest: revise,
    SupersedeRequest: supersede,
    MergeRequest: merge,
    TransitionRequest: transition,
    PurgeRequest: purge,
    TagRequest: tag,
    UntagRequest: untag,
    RetrievedRequest: retrieved,
    InjectedRequest: injected,
    FeedbackRequest: feedback,
    ConsolidationGroupsRequest: consolidation_groups,
    AdminSearchRequest: admin_search,
}
