"""How a memory request gets its reply: sent once or again, awaited, and its problem raised as an error."""

import asyncio
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

from pydantic import BaseModel
from redis.asyncio import Redis

from eunoe_producers.connection import open_redis, outlast
from eunoe_producers.errors import (
    CurationRefused,
    CurationTimeout,
    DuplicateContent,
    DuplicateName,
    MemoryNotFound,
    NotFound,
    RedisUnavailable,
    RequestReused,
    SharedByUsers,
    TransitionRefused,
    VersionConflict,
)
from eunoe_producers.replies import ReplyChannel
from eunoe_schema.codec import encode
from eunoe_schema.errors import EunoeError
from eunoe_schema.memory.base import AnyRequest, Request, Result
from eunoe_schema.memory.reply import MemoryReply, Problem, ProblemCode
from eunoe_schema.memory.scope import MemoryScope
from eunoe_schema.redaction import mask_passwords
from eunoe_schema.streams import DATA_FIELD, Subject, reply_channel, stream
from eunoe_schema.validation import checked

DEFAULT_CONNECT_SECONDS = 30.0
RequestT = TypeVar("RequestT", bound=BaseModel)
ResultT = TypeVar("ResultT", bound=Result)

_ERRORS: Mapping[ProblemCode, type[CurationRefused]] = {
    ProblemCode.NOT_FOUND: NotFound,
    ProblemCode.VERSION_CONFLICT: VersionConflict,
    ProblemCode.REFUSED_TRANSITION: TransitionRefused,
    ProblemCode.DUPLICATE_CONTENT: DuplicateContent,
    ProblemCode.DUPLICATE_NAME: DuplicateName,
    ProblemCode.SHARED_BY_USERS: SharedByUsers,
    ProblemCode.REQUEST_REUSED: RequestReused,
}


def _error(problem: Problem) -> CurationRefused:
    """Return the error that says why a request was refused."""
    error = _ERRORS.get(problem.code, CurationRefused)
    return MemoryNotFound(problem) if error is NotFound and problem.memory_id is not None else error(problem)


class MemoryRequests:
    """The connection of a client of curated memory: one reply channel for any number of requests in flight."""

    def __init__(self, redis: Redis, replies: ReplyChannel[MemoryReply], *, place: str) -> None:
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
        replies = ReplyChannel(redis, reply_channel(uuid4().hex), MemoryReply)
        try:
            await outlast(replies.open, seconds=retry_seconds, place=mask_passwords(url))
        except EunoeError:
            await replies.close()
            await redis.aclose()
            raise
        return cls(redis, replies, place=mask_passwords(url))

    def make(
        self,
        model: type[RequestT],
        scope: MemoryScope | None,
        request_id: str | None,
        deadline: float,
        **fields: object,
    ) -> RequestT:
        """Return a request of this client; without a request id with a new one.

        Without a scope, as administrators ask, the fields name the tenant.

        Raises:
            InvalidEvent: If a field breaks the contract.
        """
        return checked(
            model,
            **{
                "request_id": uuid4().hex if request_id is None else request_id,
                "reply_to": self._replies.name,
                **({} if scope is None else scope.model_dump()),
                "deadline_seconds": deadline,
                **fields,
            },
        )

    async def ask(self, request: Request[ResultT]) -> ResultT:
        """Send a request and return its result.

        Raises:
            CurationRefused: If the consumers refused it; one of its subclasses says why.
            CurationTimeout: If no reply came within the deadline.
            RedisUnavailable: If Redis stayed away until the deadline.
            RedisRefused: If Redis refused to append, its memory being full, say.
        """
        deadline, sent = request.deadline_seconds, False
        with self._replies.expect(request.request_id) as reply:
            try:
                async with asyncio.timeout(deadline):
                    await self._send(request)
                    sent = True
                    answer = await reply
            except TimeoutError as error:
                if sent:
                    raise CurationTimeout(request.request_id, deadline) from error
                msg = f"Redis at {self._place} did not take the request within {deadline:g} s"
                raise RedisUnavailable(msg) from error
        if answer.problem is not None:
            raise _error(answer.problem)
        if not isinstance(answer.result, type(request).result_model()):
            found = type(answer.result).__name__
            msg = f"the consumers answered {request.kind} with {found}: use the same version of eunoe on both sides"
            raise EunoeError(msg)
        return answer.result

    async def tell(self, request: AnyRequest) -> None:
        """Send what nobody waits to hear about; returns when it is on the stream.

        Raises:
            RedisUnavailable: If Redis stayed away until the deadline.
            RedisRefused: If Redis refused to append, its memory being full, say.
        """
        await self._send(request)

    async def _send(self, request: AnyRequest) -> None:
        """Append the request; an append that is repeated after an outage is the same request, and done once.

        Unlike questions to recall, requests are never dropped from the stream: what was asked to be remembered is.
        """
        name, body = stream(Subject.MEMORY), encode(request)

        def append() -> Awaitable[object]:
            return self._redis.xadd(name, {DATA_FIELD: body})

        await outlast(append, seconds=request.deadline_seconds, place=self._place)

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
