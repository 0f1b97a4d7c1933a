"""The orchestrator's client for curated memory: what it decides to remember."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from eunoe_producers.memory_administration import Administration
from eunoe_producers.memory_checkpoints import Checkpoints
from eunoe_producers.memory_collections import Collections
from eunoe_producers.memory_consolidation import Consolidation
from eunoe_producers.memory_directives import Directives
from eunoe_producers.memory_relations import Relations
from eunoe_producers.memory_requests import DEFAULT_CONNECT_SECONDS, MemoryRequests
from eunoe_producers.memory_sessions import Sessions
from eunoe_schema.memory.base import DEFAULT_DEADLINE_SECONDS
from eunoe_schema.memory.change import (
    MergeRequest,
    PurgeRequest,
    ReplacedResult,
    ReviseRequest,
    SupersedeRequest,
    TagRequest,
    TransitionRequest,
    UntagRequest,
)
from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.history import HistoryRequest, HistoryResult
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.read import (
    DEFAULT_FOUND,
    DEFAULT_PAGE,
    MAX_PAGE,
    FoundMemory,
    GetRequest,
    ListRequest,
    MemoryPage,
    SearchRequest,
)
from eunoe_schema.memory.remember import NewMemory, Remembered, RememberRequest
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.memory.status_machine import Action
from eunoe_schema.memory.usage import FeedbackRequest, InjectedRequest


class Curator:
    """Asks the curate consumers by request and reply; safe for any number of concurrent calls.

    Every call takes the scope, a `deadline` in seconds, and changes take a `request_id`: one of your own makes a call
    that is repeated, after a timeout say, the same request, which is done once. What can be raised is the same for all.

    Attributes:
        relations: What memories are to one another.
        collections: Sets of memories with a name.
        sessions: The sessions of an agent with a user.
        checkpoints: What an orchestrator must find again to go on with a session.
        directives: An agent's standing instructions.
        consolidation: Offers old related memories, and takes a summary of them.
        administration: Searches a whole tenant; for administrators.

    Raises:
        InvalidEvent: If an argument breaks the contract.
        MemoryNotFound: If no such memory applies to the scope.
        VersionConflict: If the memory has another version than the one named.
        TransitionRefused: If the memory's state does not allow it; `problem.allowed` says what it allows.
        SharedByUsers: If it is the agent's with every user, and the scope names one: change it in the agent's alone.
        DuplicateContent: If another memory of the same owner holds that content.
        RequestReused: If the request id was used for another request.
        CurationTimeout: If no reply came within the deadline.
        RedisUnavailable: If Redis stayed away until the deadline.

    Example:
        ```python
        async with await Curator.connect("redis://localhost:6379/0") as curator:
            scope = MemoryScope(tenant_id=tenant, user_id="ada")  # hers, with every agent
            (remembered,) = await curator.remember(scope, NewMemory(content="Ada's cat is called Minka."))
        ```
    """

    def __init__(self, requests: MemoryRequests) -> None:
        self._requests = requests
        self.consolidation = Consolidation(requests)
        self.administration = Administration(requests)
        self.relations = Relations(requests)
        self.collections = Collections(requests)
        self.sessions = Sessions(requests)
        self.checkpoints = Checkpoints(requests)
        self.directives = Directives(requests)

    @classmethod
    async def connect(cls, url: str, *, retry_seconds: float = DEFAULT_CONNECT_SECONDS) -> Self:
        """Connect to Redis, outlasting an outage.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            retry_seconds: For how long to outlast an outage.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis does not answer.
        """
        return cls(await MemoryRequests.connect(url, retry_seconds=retry_seconds))

    async def remember(
        self,
        scope: MemoryScope,
        *memories: NewMemory,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> tuple[Remembered, ...]:
        """Make memories of the scope, all or none; content that it holds already is confirmed instead.

        Args:
            scope: To whom they belong.
            memories: 1..100 of them.
            request_id: Names the request, where it may have to be repeated.
            deadline: Seconds to wait, at most 60.

        Returns:
            One for each, in their order, with those that say nearly the same.
        """
        request = self._requests.make(RememberRequest, scope, request_id, deadline, memories=memories)
        return (await self._requests.ask(request)).remembered

    async def get(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        forgotten: bool = False,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Return a memory; with `forgotten` also one that was forgotten."""
        request = self._requests.make(GetRequest, scope, None, deadline, memory_id=memory_id, forgotten=forgotten)
        return (await self._requests.ask(request)).memory

    async def history(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        forgotten: bool = False,
        before: int | None = None,
        limit: int = DEFAULT_PAGE,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> HistoryResult:
        """Return the contents that a memory has had, the newest first, and the memories that it replaced.

        Args:
            scope: Whose.
            memory_id: Which.
            forgotten: Also if it was forgotten.
            before: Only versions before this one: the last of the page before.
            limit: How many contents at most, 1..200.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            HistoryRequest, scope, None, deadline, memory_id=memory_id, forgotten=forgotten, before=before, limit=limit
        )
        return await self._requests.ask(request)

    async def list(
        self,
        scope: MemoryScope,
        filter_: MemoryFilter | None = None,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> MemoryPage:
        """Return a page of the memories that apply to the scope, the newest first.

        Args:
            scope: Whose.
            filter_: Which; those that are active where nothing is said.
            limit: How many at most, 1..200.
            cursor: Where to go on: the cursor of the page before.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            ListRequest, scope, None, deadline, filter=filter_ or MemoryFilter(), limit=limit, cursor=cursor
        )
        return await self._requests.ask(request)

    async def list_all(
        self,
        scope: MemoryScope,
        filter_: MemoryFilter | None = None,
        *,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> AsyncIterator[Memory]:
        """Yield every memory that applies to the scope, the newest first, page by page."""
        cursor = None
        while True:
            page = await self.list(scope, filter_, limit=MAX_PAGE, cursor=cursor, deadline=deadline)
            for memory in page.memories:
                yield memory
            if (cursor := page.cursor) is None:
                return

    async def search(
        self,
        scope: MemoryScope,
        query: str | None = None,
        filter_: MemoryFilter | None = None,
        *,
        limit: int = DEFAULT_FOUND,
        min_cosine: float | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> tuple[FoundMemory, ...]:
        """Return the memories that apply to the scope with their distances, the nearest first; exact.

        Args:
            scope: Whose.
            query: What to look for; None for the newest.
            filter_: Among which; those that are active where nothing is said.
            limit: How many at most, 1..100.
            min_cosine: Leave out what is less similar than this, -1..1.
            deadline: Seconds to wait.
        """
        request = self._requests.make(
            SearchRequest,
            scope,
            None,
            deadline,
            query=query,
            filter=filter_ or MemoryFilter(),
            limit=limit,
            min_cosine=min_cosine,
        )
        return (await self._requests.ask(request)).found

    async def revise(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        content: str | None = None,
        tier: Tier | None = None,
        category: Category | None = None,
        confidence: float | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        expires_at: datetime | None = None,
        never_expires: bool = False,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Change what a memory says; what is not given stays, and each content that it had is kept as a version."""
        request = self._requests.make(
            ReviseRequest,
            scope,
            request_id,
            deadline,
            memory_id=memory_id,
            version=version,
            content=content,
            tier=tier,
            category=category,
            confidence=confidence,
            metadata=metadata,
            expires_at=expires_at,
            never_expires=never_expires,
        )
        return (await self._requests.ask(request)).memory

    async def supersede(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        replacement: NewMemory,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> ReplacedResult:
        """Replace a memory by a new one of its owner; the old one stays as history and points to it.

        Nothing is taken over: tier, category, metadata, tags and end are what `replacement` says, or its defaults.
        """
        request = self._requests.make(
            SupersedeRequest, scope, request_id, deadline, memory_id=memory_id, version=version, replacement=replacement
        )
        return await self._requests.ask(request)

    async def merge(
        self,
        scope: MemoryScope,
        memory_ids: Sequence[UUID],
        merged: NewMemory,
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> ReplacedResult:
        """Make 2..100 memories of one owner one; they stay as history and point to it."""
        request = self._requests.make(
            MergeRequest, scope, request_id, deadline, memory_ids=tuple(memory_ids), merged=merged
        )
        return await self._requests.ask(request)

    async def archive(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Take an active memory out of use, without forgetting it."""
        return await self._transition(
            Action.ARCHIVE, scope, memory_id, version=version, request_id=request_id, deadline=deadline
        )

    async def restore(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Bring back a memory that was archived or forgotten."""
        return await self._transition(
            Action.RESTORE, scope, memory_id, version=version, request_id=request_id, deadline=deadline
        )

    async def approve(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Let a memory that awaits review count."""
        return await self._transition(
            Action.APPROVE, scope, memory_id, version=version, request_id=request_id, deadline=deadline
        )

    async def reject(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Put a memory that awaits review aside, among the archived ones."""
        return await self._transition(
            Action.REJECT, scope, memory_id, version=version, request_id=request_id, deadline=deadline
        )

    async def forget(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Forget a memory: nothing returns it any more, and it can be restored until it is purged."""
        return await self._transition(
            Action.FORGET, scope, memory_id, version=version, request_id=request_id, deadline=deadline
        )

    async def purge(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        """Delete a memory with its versions, tags and relations, for good."""
        request = self._requests.make(PurgeRequest, scope, request_id, deadline, memory_id=memory_id, version=version)
        await self._requests.ask(request)

    async def tag(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *tags: str,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Give a memory tags; those that it has stay, and so does its version."""
        request = self._requests.make(
            TagRequest, scope, request_id, deadline, memory_id=memory_id, version=version, tags=tags
        )
        return (await self._requests.ask(request)).memory

    async def untag(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *tags: str,
        version: int | None = None,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> Memory:
        """Take tags off a memory; those that it does not have are no error."""
        request = self._requests.make(
            UntagRequest, scope, request_id, deadline, memory_id=memory_id, version=version, tags=tags
        )
        return (await self._requests.ask(request)).memory

    async def injected(self, scope: MemoryScope, *memory_ids: UUID, deadline: float = DEFAULT_DEADLINE_SECONDS) -> None:
        """Tell that memories were put into a prompt; returns when that is on the stream, and is noted soon after.

        Args:
            scope: Of the conversation.
            memory_ids: 1..500 of them; what does not apply to the scope is passed over.
            deadline: For how long to outlast an outage of Redis, in seconds.
        """
        request = self._requests.make(InjectedRequest, scope, None, deadline, memory_ids=memory_ids, reply_to=None)
        await self._requests.tell(request)

    async def feedback(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        useful: bool | float,  # noqa: FBT001 - what is said, and no switch
        *,
        request_id: str | None = None,
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> None:
        """Tell whether a memory helped: its usefulness moves by a fifth of the way to 1, to 0, or to a score between.

        Returns when that is on the stream; nobody waits until it is noted.
        """
        request = self._requests.make(
            FeedbackRequest, scope, request_id, deadline, memory_id=memory_id, score=float(useful), reply_to=None
        )
        await self._requests.tell(request)

    async def _transition(
        self,
        action: Action,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        version: int | None,
        request_id: str | None,
        deadline: float,
    ) -> Memory:
        request = self._requests.make(
            TransitionRequest, scope, request_id, deadline, kind=action, memory_id=memory_id, version=version
        )
        return (await self._requests.ask(request)).memory

    async def close(self) -> None:
        """Close the reply channel and the connections."""
        await self._requests.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
