"""`Curator`, the orchestrator's client for curated memory."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Self, Unpack
from uuid import UUID

from pydantic import JsonValue

from eunoe_producers.connection import Client
from eunoe_producers.memory.administration import Administration
from eunoe_producers.memory.checkpoints import Checkpoints
from eunoe_producers.memory.client import MemoryClient, Options, Part, pages
from eunoe_producers.memory.collections import Collections
from eunoe_producers.memory.consolidation import Consolidation
from eunoe_producers.memory.directives import Directives
from eunoe_producers.memory.relations import Relations
from eunoe_producers.memory.sessions import Sessions
from eunoe_producers.replies import DEFAULT_CONNECT_SECONDS
from eunoe_schema.memory.base import DEFAULT_PAGE, MAX_PAGE, Result, request_model
from eunoe_schema.memory.change import (
    MergeRequest,
    PurgeRequest,
    ReplacedResult,
    ReviseRequest,
    SupersedeRequest,
    TagRequest,
    TransitionAction,
    TransitionRequest,
    UntagRequest,
)
from eunoe_schema.memory.enums import Category, Tier
from eunoe_schema.memory.filters import MemoryFilter
from eunoe_schema.memory.history import HistoryRequest, HistoryResult
from eunoe_schema.memory.memory import Memory
from eunoe_schema.memory.read import (
    DEFAULT_FOUND,
    CountRequest,
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
from eunoe_schema.validation import checked


class Curator(Part, Client):
    """Sends requests on curated memory and awaits their replies. One curator serves any number of concurrent calls.

    Every method takes the options `deadline`, the seconds to wait (5 by default, 60 at most), and `request_id`. Choose
    a `request_id` to repeat a call safely, after a timeout for example: the request is done once, and every repetition
    gets the same reply.

    Attributes:
        relations: The relations between memories.
        collections: Named sets of memories.
        sessions: The sessions of an agent with a user.
        checkpoints: The states that an orchestrator saved in a session.
        directives: The standing instructions of an agent.
        consolidation: Groups of old, related memories, to be replaced by a summary.
        administration: The search in a whole tenant, for administrators.

    Raises:
        InvalidEvent: If an argument breaks the contract.
        MemoryNotFound: If the memory does not exist, or does not apply to the scope.
        VersionConflict: If the memory has another version than the one named.
        TransitionRefused: If the state of the memory does not allow the action; `problem.allowed` lists what it allows.
        SharedByUsers: If the memory is shared by all users and the scope names one. Change it in the agent's own scope.
        DuplicateContent: If another memory of the same owner has that content.
        RequestReused: If the request id belongs to another request.
        CurationTimeout: If no reply came within the deadline.
        RedisUnavailable: If Redis did not answer within the deadline.

    Example:
        ```python
        async with await Curator.connect("redis://localhost:6379/0") as curator:
            scope = MemoryScope(tenant_id=tenant, user_id="ada")  # the user with every agent
            (remembered,) = await curator.remember(scope, NewMemory(content="Ada's cat is called Minka."))
        ```
    """

    def __init__(self, client: MemoryClient) -> None:
        super().__init__(client)
        self.consolidation = Consolidation(client)
        self.administration = Administration(client)
        self.relations = Relations(client)
        self.collections = Collections(client)
        self.sessions = Sessions(client)
        self.checkpoints = Checkpoints(client)
        self.directives = Directives(client)

    @classmethod
    async def connect(cls, url: str, *, retry_seconds: float = DEFAULT_CONNECT_SECONDS) -> Self:
        """Connect to Redis.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            retry_seconds: How long to retry while Redis does not answer.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis does not answer.
        """
        return cls(await MemoryClient.connect(url, retry_seconds=retry_seconds))

    async def remember(
        self, scope: MemoryScope, *memories: NewMemory, **call: Unpack[Options]
    ) -> tuple[Remembered, ...]:
        """Remember 1..100 contents, all or none. A content that the owner already has is confirmed.

        Returns:
            One memory for each content, in their order, with its near duplicates.
        """
        result = await self._ask(scope, call, lambda to: RememberRequest(**to, memories=memories))
        return result.remembered

    async def get(
        self, scope: MemoryScope, memory_id: UUID, *, forgotten: bool = False, **call: Unpack[Options]
    ) -> Memory:
        """Return a memory; with `forgotten`, also a forgotten one."""
        result = await self._ask(scope, call, lambda to: GetRequest(**to, memory_id=memory_id, forgotten=forgotten))
        return result.memory

    async def history(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        *,
        forgotten: bool = False,
        before: int | None = None,
        limit: int = DEFAULT_PAGE,
        **call: Unpack[Options],
    ) -> HistoryResult:
        """Return the contents that a memory has had, newest first, and the memories that it replaced.

        With `forgotten`, a forgotten memory is found too. `limit` is the size of the page, 1..200. `before` is the last
        version of the previous page.
        """
        return await self._ask(
            scope,
            call,
            lambda to: HistoryRequest(**to, memory_id=memory_id, forgotten=forgotten, before=before, limit=limit),
        )

    async def list(
        self,
        scope: MemoryScope,
        filter_: MemoryFilter | None = None,
        *,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
        **call: Unpack[Options],
    ) -> MemoryPage:
        """Return a page of the memories that apply to the scope, newest first.

        Without a filter, a memory must be active. `limit` is the size of the page, 1..200. `cursor` is the cursor of
        the previous page.
        """
        chosen = filter_ or MemoryFilter()
        return await self._ask(scope, call, lambda to: ListRequest(**to, filter=chosen, limit=limit, cursor=cursor))

    async def list_all(
        self, scope: MemoryScope, filter_: MemoryFilter | None = None, **call: Unpack[Options]
    ) -> AsyncIterator[Memory]:
        """Yield every memory that applies to the scope, newest first, reading page by page."""
        async for page in pages(lambda cursor: self.list(scope, filter_, limit=MAX_PAGE, cursor=cursor, **call)):
            for memory in page.memories:
                yield memory

    async def count(self, scope: MemoryScope, filter_: MemoryFilter | None = None, **call: Unpack[Options]) -> int:
        """Return the number of memories that apply to the scope. Without a filter, a memory must be active."""
        chosen = filter_ or MemoryFilter()
        return (await self._ask(scope, call, lambda to: CountRequest(**to, filter=chosen))).count

    async def search(
        self,
        scope: MemoryScope,
        query: str | None = None,
        filter_: MemoryFilter | None = None,
        *,
        limit: int = DEFAULT_FOUND,
        min_cosine: float | None = None,
        **call: Unpack[Options],
    ) -> tuple[FoundMemory, ...]:
        """Return the memories that apply to the scope with their distances, nearest first. The search is exact.

        Without a query, the newest come first. Without a filter, a memory must be active. `limit` is the number of
        memories, 1..100. `min_cosine` is the least similarity to the query, -1..1.
        """
        chosen = filter_ or MemoryFilter()
        result = await self._ask(
            scope, call, lambda to: SearchRequest(**to, query=query, filter=chosen, limit=limit, min_cosine=min_cosine)
        )
        return result.found

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
        **call: Unpack[Options],
    ) -> Memory:
        """Change a memory. None leaves a member as it is. Each earlier content is kept as a version."""
        result = await self._ask(
            scope,
            call,
            lambda to: ReviseRequest(
                **to,
                memory_id=memory_id,
                version=version,
                content=content,
                tier=tier,
                category=category,
                confidence=confidence,
                metadata=None if metadata is None else dict(metadata),
                expires_at=expires_at,
                never_expires=never_expires,
            ),
        )
        return result.memory

    async def supersede(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        replacement: NewMemory,
        *,
        version: int | None = None,
        **call: Unpack[Options],
    ) -> ReplacedResult:
        """Replace a memory by a new one of its owner. The old one stays as history and points to the new one.

        Tier, category, metadata, tags and end come from `replacement` or its defaults, not from the old memory.
        """
        return await self._ask(
            scope,
            call,
            lambda to: SupersedeRequest(**to, memory_id=memory_id, version=version, replacement=replacement),
        )

    async def merge(
        self, scope: MemoryScope, memory_ids: Sequence[UUID], merged: NewMemory, **call: Unpack[Options]
    ) -> ReplacedResult:
        """Replace 2..100 memories of one owner by one. The old ones stay as history and point to it."""
        return await self._ask(scope, call, lambda to: MergeRequest(**to, memory_ids=tuple(memory_ids), merged=merged))

    async def archive(
        self, scope: MemoryScope, memory_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Take an active memory out of use without forgetting it."""
        return await self._transition(Action.ARCHIVE, scope, memory_id, version, call)

    async def restore(
        self, scope: MemoryScope, memory_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Bring back an archived or forgotten memory."""
        return await self._transition(Action.RESTORE, scope, memory_id, version, call)

    async def approve(
        self, scope: MemoryScope, memory_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Make a memory that awaits review active."""
        return await self._transition(Action.APPROVE, scope, memory_id, version, call)

    async def reject(
        self, scope: MemoryScope, memory_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Archive a memory that awaits review."""
        return await self._transition(Action.REJECT, scope, memory_id, version, call)

    async def forget(
        self, scope: MemoryScope, memory_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Hide a memory from everything. It can be restored until it is purged."""
        return await self._transition(Action.FORGET, scope, memory_id, version, call)

    async def purge(
        self, scope: MemoryScope, memory_id: UUID, *, version: int | None = None, **call: Unpack[Options]
    ) -> None:
        """Delete a memory with its versions, tags and relations for good."""
        await self._ask(scope, call, lambda to: PurgeRequest(**to, memory_id=memory_id, version=version))

    async def tag(
        self, scope: MemoryScope, memory_id: UUID, *tags: str, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Add tags to a memory. Its version stays the same."""
        result = await self._ask(
            scope, call, lambda to: TagRequest(**to, memory_id=memory_id, version=version, tags=tags)
        )
        return result.memory

    async def untag(
        self, scope: MemoryScope, memory_id: UUID, *tags: str, version: int | None = None, **call: Unpack[Options]
    ) -> Memory:
        """Remove tags from a memory. A tag that it does not have is no error."""
        result = await self._ask(
            scope, call, lambda to: UntagRequest(**to, memory_id=memory_id, version=version, tags=tags)
        )
        return result.memory

    async def injected(self, scope: MemoryScope, *memory_ids: UUID, **call: Unpack[Options]) -> None:
        """Report that 1..500 memories were put into a prompt. Return when the report is on the stream.

        Memories that do not apply to the scope are ignored.
        """
        await self._client.notify(self._make(scope, call, lambda to: InjectedRequest(**to, memory_ids=memory_ids)))

    async def feedback(
        self,
        scope: MemoryScope,
        memory_id: UUID,
        useful: bool | float,  # noqa: FBT001 - a value, not a switch
        **call: Unpack[Options],
    ) -> None:
        """Report whether a memory helped. Its usefulness moves a fifth of the way to 1, to 0, or to a score between.

        Return when the report is on the stream.
        """
        score = float(useful)
        await self._client.notify(
            self._make(scope, call, lambda to: FeedbackRequest(**to, memory_id=memory_id, score=score))
        )

    async def request(self, kind: str, members: Mapping[str, object], **call: Unpack[Options]) -> Result:
        """Send a request of any kind, given as the members of its JSON, and return its result.

        The client fills in `request_id`, `reply_to` and `deadline_seconds`.

        Raises:
            InvalidEvent: If there is no such kind, or the members break the contract.
        """
        envelope = self._client.envelope(**call)
        return await self._client.ask(checked(request_model(kind), **{**members, **envelope, "kind": kind}))

    async def _transition(
        self, action: TransitionAction, scope: MemoryScope, memory_id: UUID, version: int | None, call: Options
    ) -> Memory:
        result = await self._ask(
            scope, call, lambda to: TransitionRequest(**to, kind=action, memory_id=memory_id, version=version)
        )
        return result.memory

    async def close(self) -> None:
        """Close the reply channel and the connections."""
        await self._client.close()
