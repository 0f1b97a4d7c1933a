"""The orchestrator's client: asks for context before a model call."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import uuid4

from redis.asyncio import Redis

from eunoe_producers.connection import open_redis, outlast
from eunoe_producers.errors import RecallRefused, RecallTimeout, RedisUnavailable
from eunoe_producers.replies import ReplyChannel
from eunoe_schema.codec import encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.enums import Tier
from eunoe_schema.recall import Context, RecallReply, RecallRequest
from eunoe_schema.receipts import Receipt
from eunoe_schema.redaction import mask_passwords
from eunoe_schema.scope import Scope
from eunoe_schema.streams import DATA_FIELD, Subject, reply_channel, stream
from eunoe_schema.validation import checked

DEFAULT_DEADLINE_SECONDS = 5.0
DEFAULT_CONNECT_SECONDS = 30.0
_FORGOTTEN_SECONDS = 600


class Orchestrator:
    """Asks the recall consumers by request and reply; safe for any number of concurrent calls.

    Example:
        ```python
        async with await Orchestrator.connect("redis://localhost:6379/0") as orchestrator:
            context = await orchestrator.recall(scope, "Where does Ada live?", after=receipt)
        ```
    """

    def __init__(self, redis: Redis, replies: ReplyChannel[RecallReply], *, place: str) -> None:
        self._redis = redis
        self._replies = replies
        self._place = place

    @classmethod
    async def connect(cls, url: str, *, retry_seconds: float = DEFAULT_CONNECT_SECONDS) -> Self:
        """Connect to Redis, outlasting an outage, and open the reply channel.

        Args:
            url: `redis://`, `rediss://` or `unix://`.
            retry_seconds: For how long to outlast an outage.

        Raises:
            RedisUnavailable: If the URL is wrong, or Redis does not answer.
        """
        redis = open_redis(url)
        replies = ReplyChannel(redis, reply_channel(uuid4().hex), RecallReply)
        try:
            await outlast(replies.open, seconds=retry_seconds, place=mask_passwords(url))
        except EunoeError:
            await replies.close()
            await redis.aclose()
            raise
        return cls(redis, replies, place=mask_passwords(url))

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
    ) -> Context:
        """Return what memory holds for `query`.

        Args:
            scope: Whose memory.
            query: What to look for, 1..8,192 characters; usually the user's message.
            top_k: How many turns at most, 0..100; None for the consumers' setting (10).
            window: How many of the window's last messages; None for all that it holds, 0 for none.
            min_cosine: Leave out turns less similar than this, -1..1; None for the consumers' setting (no bound).
            after: A receipt (or its entry id): wait until that message is in the window, and leave it out of the
                reply: it is the message being answered. `context.freshness.applied` says whether it got there.
            exclude: Event ids of further messages to leave out.
            token_budget: How many tokens the turns may have in all, by the model's tokenizer, 1..1,000,000: the best
                are kept, whole ones only, and `context.cut` names the rest. None for no bound.
            neighbours: Whether each turn comes with the message before and after it in its session.
            excerpts: Whether a long turn comes as the piece that matches, and `turn.excerpt` says where that is; None
                for the consumers' setting (no).
            asked_at: What "last week" is relative to, aware; None for now.
            explain: Whether each turn comes with the parts of its score, in `turn.explanation`.
            memories: How many curated memories of each tier at most, 0..100; None for the consumers' setting (10).
            tiers: Further tiers of memories, `Tier.PROJECT` where goals matter and `Tier.TASK` where recent action
                does; personal ones always come.
            deadline: Seconds to wait for the reply, at most 60.

        Raises:
            InvalidEvent: If an argument breaks the contract.
            RecallTimeout: If no reply came within the deadline.
            RecallRefused: If the consumers refused the request.
            RedisUnavailable: If Redis stayed away until the deadline.
            RedisRefused: If Redis refused to append, its memory being full, say.
        """
        excluded = (*exclude, after.event_id) if isinstance(after, Receipt) else tuple(exclude)
        request = checked(
            RecallRequest,
            request_id=uuid4().hex,
            reply_to=self._replies.name,
            tenant_id=scope.tenant_id,
            agent_id=scope.agent_id,
            user_id=scope.user_id,
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
        with self._replies.expect(request.request_id) as reply:
            sent = False
            try:
                async with asyncio.timeout(deadline):
                    await self._send(request, deadline)
                    sent = True
                    answer = await reply
            except TimeoutError as error:
                if sent:
                    raise RecallTimeout(deadline) from error
                msg = f"Redis at {self._place} did not take the request within {deadline:g} s"
                raise RedisUnavailable(msg) from error
        if answer.context is None:
            raise RecallRefused(answer.error or "the consumers gave no reason")
        return answer.context

    async def close(self) -> None:
        """Close the reply channel and the connections."""
        await self._replies.close()
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, request: RecallRequest, deadline: float) -> None:
        """Append the request; an append that is repeated after an outage is a second question, and harmless."""
        name, body = stream(Subject.RECALL), encode(request)

        def append() -> Awaitable[object]:
            # Requests that nobody waits for any more are dropped, about a hundred at a time: without a consumer they
            # would pile up beside the messages. Far beyond the longest deadline, since clocks differ.
            oldest = int((time.time() - _FORGOTTEN_SECONDS) * 1000)
            return self._redis.xadd(name, {DATA_FIELD: body}, minid=oldest, approximate=True)

        await outlast(append, seconds=deadline, place=self._place)
