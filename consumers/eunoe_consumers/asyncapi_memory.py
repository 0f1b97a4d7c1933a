"""What the AsyncAPI document says of curated memory in words, and its examples."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

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
from eunoe_schema.memory.content import content_hash
from eunoe_schema.memory.enums import Category, Source, Status, Tier
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.history import HistoryRequest
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.read import GetRequest, ListRequest, SearchRequest
from eunoe_schema.memory.remember import NewMemory, Remembered, RememberRequest, RememberResult
from eunoe_schema.memory.reply import MemoryReply, Problem, ProblemCode
from eunoe_schema.memory.scope import SessionRef
from eunoe_schema.memory.status_machine import Action, MemoryState
from eunoe_schema.memory.usage import FeedbackRequest, InjectedRequest, RetrievedRequest
from eunoe_schema.streams import Group, Subject, dead_letters, reply_channel, stream

_AGENT = UUID("22222222-2222-4222-8222-222222222222")
_CAT = UUID("33333333-3333-4333-8333-333333333333")
_DOG = UUID("44444444-4444-4444-8444-444444444444")
_OF_USER: dict[str, Any] = {
    "request_id": "request-1",
    "reply_to": reply_channel("gateway-7"),
    "tenant_id": UUID("11111111-1111-4111-8111-111111111111"),
    "user_id": "ada",
}
_OF_BOTH: dict[str, Any] = {**_OF_USER, "request_id": "request-2", "agent_id": _AGENT}
_OF_TENANT = {name: value for name, value in _OF_USER.items() if name != "user_id"}
_CONTENT = "Ada's cat is called Minka."
_MADE = datetime(2026, 5, 3, 9, 20, tzinfo=UTC)

MEMORY_TEXTS: Mapping[str, str] = {
    Subject.MEMORY: "The stream of requests on curated memory. An entry is removed when it has been answered.",
    "curateMemory": f"""\
Append a request to `{stream(Subject.MEMORY)}`, then wait on your channel for the reply with your `request_id`.

**Scope.** `agent_id` or `user_id` must be there, or both. What is made belongs to just those; what is looked for is
what applies there: for agent and user, the memories of both, of the agent with every user, and of the user with
every agent. What another tenant or scope holds is `not_found`.

**Once.** A request is done once, whatever happens: sent again with the same `request_id`, it gets the same reply.
Make a new `request_id` for each request; with another body it is refused (`request_reused`). A change is made even
when its deadline has passed, a question is not answered then.

**Use.** `retrieved`, `injected` and `feedback` are events: they need no `reply_to`. The consumers append `retrieved`
themselves after a get or a search. Feedback moves a memory's usefulness by a fifth of the way to the score.

**Versions.** A request that changes a memory may name the `version` that you have seen; where it is another by now
it is refused (`version_conflict`), and says which it is.

The reply holds either `result`, told apart by `kind`, or `problem`. A request that breaks the contract is answered
with the problem `invalid`, where `request_id` and `reply_to` could be read, and moved to
`{dead_letters(Group.CURATE)}`.
""",
}


def _memory(**changes: object) -> Memory:
    fields: dict[str, Any] = {
        "id": _CAT,
        "user_id": "ada",
        "tier": Tier.PERSONAL,
        "category": Category.FACTUAL,
        "source": Source.EXTRACTED,
        "status": Status.ACTIVE,
        "content": _CONTENT,
        "content_hash": content_hash(_CONTENT),
        "confidence": 0.8,
        "usefulness": 0.5,
        "metadata": {},
        "tags": ("pets",),
        "version": 1,
        "created_at": _MADE,
        "updated_at": _MADE,
    }
    return Memory.model_validate(fields | changes)


def _one(**more: object) -> dict[str, Any]:
    """Return the members of a request on one memory."""
    return {**_OF_USER, "memory_id": _CAT, **more}


def _event(**more: object) -> dict[str, Any]:
    """Return the members of a request whose answer nobody waits for."""
    return {name: value for name, value in _OF_USER.items() if name != "reply_to"} | more


MEMORY_EXAMPLES: Mapping[str, Mapping[str, BaseModel]] = {
    "rememberRequest": {
        "smallest": RememberRequest(**_OF_USER, memories=(NewMemory(content=_CONTENT),)),
        "everything": RememberRequest(
            **_OF_BOTH,
            memories=(
                NewMemory(
                    content="Ada was afraid of the dog next door today.",
                    tier=Tier.TASK,
                    category=Category.EPISODIC,
                    source=Source.USER_PROVIDED,
                    confidence=0.9,
                    metadata={"stressor": True, "emotion": "fear"},
                    tags=("pets",),
                    session=SessionRef(agent_id=_AGENT, user_id="ada", session_id="support-4711"),
                    expires_at=datetime(2026, 6, 3, tzinfo=UTC),
                    review=True,
                ),
            ),
            deadline_seconds=10,
        ),
    },
    "getRequest": {
        "smallest": GetRequest(**_one()),
        "also if it was forgotten": GetRequest(**_one(forgotten=True)),
    },
    "historyRequest": {
        "smallest": HistoryRequest(**_one()),
        "a page, of a forgotten one too": HistoryRequest(**_one(forgotten=True, before=4, limit=3)),
    },
    "listRequest": {
        "smallest": ListRequest(**_OF_USER),
        "a page of the stressors": ListRequest(
            **_OF_BOTH,
            filter=MemoryFilter(tiers=(Tier.PERSONAL,), metadata={"stressor": True}, tags=("pets",)),
            limit=20,
            cursor="MjAyNi0wNS0wM1QwOToyMDowMCswMDowMCAzMzMzMzMzMy0zMzMzLTQzMzMtODMzMy0zMzMzMzMzMzMzMzM=",
        ),
    },
    "searchRequest": {
        "smallest": SearchRequest(**_OF_USER, query="What is the name of my pet?"),
        "the newest of a tier": SearchRequest(**_OF_BOTH, filter=MemoryFilter(tiers=(Tier.TASK,)), limit=3),
    },
    "reviseRequest": {
        "another content": ReviseRequest(**_one(content="Ada's cat is called Murka.", version=1)),
        "another certainty": ReviseRequest(**_one(confidence=1.0)),
    },
    "supersedeRequest": {
        "smallest": SupersedeRequest(**_one(replacement=NewMemory(content="Ada has no cat any more."))),
        "of what was seen": SupersedeRequest(**_one(replacement=NewMemory(content="Ada has two cats."), version=2)),
    },
    "mergeRequest": {
        "smallest": MergeRequest(**_OF_USER, memory_ids=(_CAT, _DOG), merged=NewMemory(content="A cat and a dog.")),
        "of both": MergeRequest(**_OF_BOTH, memory_ids=(_CAT, _DOG), merged=NewMemory(content="Pets: Minka, Rex.")),
    },
    "transitionRequest": {
        "forget": TransitionRequest(**_one(kind=Action.FORGET)),
        "approve what was seen": TransitionRequest(**_one(kind=Action.APPROVE, version=1)),
    },
    "purgeRequest": {"smallest": PurgeRequest(**_one()), "what was seen": PurgeRequest(**_one(version=3))},
    "tagRequest": {"one": TagRequest(**_one(tags=("pets",))), "two": TagRequest(**_one(tags=("pets", "home")))},
    "untagRequest": {"one": UntagRequest(**_one(tags=("pets",))), "two": UntagRequest(**_one(tags=("pets", "home")))},
    "retrievedRequest": {
        "one": RetrievedRequest(**_event(memory_ids=(_CAT,))),
        "one of two twice": RetrievedRequest(**_event(memory_ids=(_CAT, _DOG, _CAT))),
    },
    "injectedRequest": {
        "one": InjectedRequest(**_event(memory_ids=(_CAT,))),
        "two": InjectedRequest(**_event(memory_ids=(_CAT, _DOG))),
    },
    "feedbackRequest": {
        "it helped": FeedbackRequest(**_event(memory_id=_CAT, score=1.0)),
        "it helped a little, with an answer": FeedbackRequest(**_one(score=0.3)),
    },
    "consolidationGroupsRequest": {
        "smallest": ConsolidationGroupsRequest(**_OF_USER),
        "of tasks, after a day": ConsolidationGroupsRequest(**_OF_BOTH, tiers=(Tier.TASK,), older_than_days=1, limit=3),
    },
    "adminSearchRequest": {
        "by words": AdminSearchRequest(**_OF_TENANT, words="cat Minka"),
        "by meaning": AdminSearchRequest(**_OF_TENANT, query="pets", statuses=(Status.ACTIVE,), limit=20),
    },
    "memoryReply": {
        "a result": MemoryReply(
            request_id="request-1", result=RememberResult(remembered=(Remembered(memory=_memory(), created=True),))
        ),
        "a problem": MemoryReply(
            request_id="request-2",
            problem=Problem(
                code=ProblemCode.REFUSED_TRANSITION,
                message=f"memory {_CAT} is merged: revise is not allowed, only relate, forget, purge",
                memory_id=_CAT,
                state=MemoryState.MERGED,
                allowed=(Action.RELATE, Action.FORGET, Action.PURGE),
            ),
        ),
    },
}
