"""The client of an orchestrator: asks for context before a model call."""

import time
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Self
from uuid import uuid4

from eunoe_producers.connection import retry
from eunoe_producers.errors import RecallRefused, RecallTimeout
from eunoe_producers.prompt import PromptContext
from eunoe_producers.replies import DEFAULT_CONNECT_SECONDS, RequestClient
from eunoe_schema.codec import encode
from eunoe_schema.events import Receipt
from eunoe_schema.memory.enums import Tier
from eunoe_schema.recall import Context, Freshness, RecallReply, RecallRequest
from eunoe_schema.scope import Scope
from eunoe_schema.streams import DATA_FIELD, Subject, stream
from eunoe_schema.validation import checked

DEFAULT_DEADLINE_SECONDS = 5.0
# Requests this old are trimmed from the stream. Far longer than any deadline, because clocks differ.
_REQUEST_LIFETIME_SECONDS = 600


class Orchestrator(RequestClient[RecallReply]):
    """Asks the recall consumers for context; any number of calls may run at the same time.

    Example:
        ```python
        async with await Orchestrator.connect("redis://localhost:6379/0") as orchestrator:
            context = await orchestrator.recall(scope, "Where does Ada live?", after=receipt)
        ```
    """

    @classmethod
    async def connect(cls, url: str, *, retry_seconds: float = DEFAULT_CONNECT_SECONDS) -> Self:
        """Connect to Redis and open the reply channel.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            retry_seconds: How long to retry while Redis does not answer.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis did not answer for `retry_seconds`.
        """
        return await cls._connect(url, RecallReply, retry_seconds=retry_seconds)

    async def recall(
        self,
        scope: Scope,
        query: str,
        *,
        top_k: int | None = None,
        window: int | None = None,
        min_cosine: float | None = None,
        after: Receipt | str | None = None,
        exclude: Sequence[str] = (),
        token_budget: int | None = None,
        neighbours: bool = False,
        excerpts: bool | None = None,
        asked_at: datetime | None = None,
        explain: bool = False,
        memories: int | None = None,
        tiers: Sequence[Tier] = (),
        deadline: float = DEFAULT_DEADLINE_SECONDS,
    ) -> PromptContext:
        """Return the context for `query`: window, turns, directives and memories.

        Args:
            scope: The conversation: tenant, agent and user.
            query: The text to look for; usually the user's message. It may be as long as a message. Of a long one, the
                beginning and the end are used, and `context.query_cut` says how much.
            top_k: The largest number of turns, 0..100; None for the consumers' setting (10).
            window: The largest number of window messages, newest first, 0..1,000; None for all.
            min_cosine: Leave out turns that are less similar than this, -1..1; None for the consumers' setting (no
                bound).
            after: The receipt (or entry id) of the message that you are about to answer. The reply waits until the
                message is in the window, and leaves it out. `context.freshness.applied` says whether it was there in
                time. It is false for a receipt with a conflict.
            exclude: Event ids of further messages to leave out.
            token_budget: The largest number of tokens of all turns together, counted by the embedding model's
                tokenizer, 1..1,000,000. The best turns are kept, none is shortened, and `context.cut` names the
                others. None for no bound.
            neighbours: Whether each turn includes the messages before and after it in its session.
            excerpts: Whether a long turn is cut to the piece that matches; `turn.excerpt` then says where the piece
                is. None for the consumers' setting (no).
            asked_at: The moment that words like "last week" refer to, with a time zone; None for now.
            explain: Whether each turn includes the parts of its score, in `turn.explanation`.
            memories: The largest number of curated memories of each tier, 0..100; None for the consumers' setting (10).
            tiers: Further tiers of memories: `Tier.PROJECT` where goals matter, `Tier.TASK` where recent actions
                matter. Personal memories are always included.
            deadline: The time to wait for the reply, at most 60 seconds.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RecallTimeout: If no reply came within the deadline.
            RecallRefused: If the consumers refused the request.
            RedisUnavailable: If Redis did not take the request within the deadline.
            RedisRefused: If Redis refused to append the request. For example, its memory is full.
        """
        # The id of a conflicting receipt names another message, which must be neither waited for nor left out.
        conflict = after if isinstance(after, Receipt) and after.conflict else None
        after = None if conflict else after
        excluded = (*exclude, after.event_id) if isinstance(after, Receipt) else tuple(exclude)
        request = checked(
            RecallRequest,
            request_id=uuid4().hex,
            reply_to=self._replies.name,
            **scope.model_dump(),
            query=query,
            top_k=top_k,
            window=window,
            min_cosine=min_cosine,
            after=after.entry_id if isinstance(after, Receipt) else after,
            exclude=excluded,
            token_budget=token_budget,
            neighbours=neighbours,
            excerpts=excerpts,
            asked_at=asked_at,
            explain=explain,
            memories=memories,
            tiers=tuple(tiers),
            deadline_seconds=deadline,
        )
        try:
            reply = await self._replies.ask(
                request.request_id, lambda: self._send(request), seconds=deadline, place=self._place
            )
        except TimeoutError as error:
            raise RecallTimeout(deadline) from error
        if reply.context is None:
            raise RecallRefused(reply.error or "the consumers gave no reason")
        context = PromptContext(**dict(reply.context))
        if conflict is not None:
            context = context.model_copy(update={"freshness": _not_published(conflict, context)})
        return context

    async def _send(self, request: RecallRequest) -> None:
        """Append the request. An outage may append it twice, which is harmless: it is answered twice."""
        name, body = stream(Subject.RECALL), encode(request)

        def append() -> Awaitable[object]:
            # Trims expired requests, about a hundred at a time. Without this, they would fill the memory of Redis
            # while no consumer runs.
            oldest = int((time.time() - _REQUEST_LIFETIME_SECONDS) * 1000)
            return self._redis.xadd(name, {DATA_FIELD: body}, minid=oldest, approximate=True)

        await retry(append, seconds=request.deadline_seconds, place=self._place)


def _not_published(receipt: Receipt, context: Context) -> Freshness:
    reason = (
        f"event {receipt.event_id!r} was not published: its id names another message, of entry {receipt.entry_id}; "
        "publish it under an event id of its own"
    )
    return context.freshness.model_copy(update={"applied": False, "reason": reason})
